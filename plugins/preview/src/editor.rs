//! The form for a character's main fields: a draft of its file, and what a person may do with it. No Bevy.

use bevy_egui::egui::{Button, CollapsingHeader, ComboBox, Grid, Slider, TextEdit, Ui};
use serde_json::Value;
use visage_core::{Emotion, Language};
use visage_library::{Background, CharacterFile, Colour, Idle, Voice};
use visage_schedule::{CharacterEdit, RemoteCommand, VoiceInfo};

use crate::{
    Wish,
    changes::{apply, difference},
    expressions,
    shelf::Card,
};

/// The colour that a backdrop of one colour begins with.
const FIRST_COLOUR: Colour = Colour([0x30, 0x46, 0x5c]);

/// A character that is being edited.
pub struct Editor {
    id: String,
    revision: String,
    saved: CharacterFile,
    draft: CharacterFile,
    is_default: bool,
    /// The emotion whose face is edited.
    emotion: Emotion,
    both_sides: bool,
    /// Whether the face on stage shows the draft's expression.
    trying: bool,
    /// Whether the person was asked if it is to be deleted.
    asked: bool,
}

impl Editor {
    /// Begins with what is saved; `None` if the character's file cannot be read.
    pub fn new(card: &Card) -> Option<Self> {
        let file = card.file.as_deref().ok()?;
        Some(Self {
            id: card.id.clone(),
            revision: card.revision.clone(),
            saved: file.clone(),
            draft: file.clone(),
            is_default: card.is_default,
            emotion: Emotion::Happy,
            both_sides: true,
            trying: false,
            asked: false,
        })
    }

    /// Whose.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its file may have changed: takes that over, and keeps on top of it what was changed here and is not saved.
    pub fn refresh(&mut self, card: &Card) {
        let Ok(file) = card.file.as_deref() else { return };
        self.is_default = card.is_default;
        if card.revision == self.revision {
            return;
        }
        let rebased = json(file).zip(self.patch()).and_then(|(mut form, patch)| {
            apply(&mut form, &patch);
            serde_json::from_value(form).ok()
        });
        self.draft = rebased.unwrap_or_else(|| file.clone());
        self.saved = file.clone();
        self.revision.clone_from(&card.revision);
    }

    fn patch(&self) -> Option<Value> {
        Some(difference(&json(&self.saved)?, &json(&self.draft)?))
    }

    /// Whether something was changed and not saved.
    pub fn is_dirty(&self) -> bool {
        self.draft != self.saved
    }

    /// Draws the form.
    pub fn show(&mut self, ui: &mut Ui, mood: Emotion, voices: &[VoiceInfo], wishes: &mut Vec<Wish>) {
        ui.heading(format!("Edit {}", self.saved.name));
        self.buttons(ui, mood, wishes);
        CollapsingHeader::new("Name and voice").default_open(true).show(ui, |ui| self.voices(ui, voices));
        CollapsingHeader::new("Words").show(ui, |ui| self.words(ui));
        CollapsingHeader::new("Motion and backdrop").show(ui, |ui| self.motion(ui));
        let faces = CollapsingHeader::new("Emotions").show(ui, |ui| self.faces(ui, wishes));
        if faces.fully_closed() {
            self.stop_trying(mood, wishes);
        }
        ui.add_space(8.0);
        self.delete(ui, wishes);
    }

    /// Lets the face on stage show its own mood again.
    pub fn stop_trying(&mut self, mood: Emotion, wishes: &mut Vec<Wish>) {
        if std::mem::take(&mut self.trying) {
            wishes.push(Wish::Order(RemoteCommand::Emotion { emotion: mood, strength: 1.0 }));
        }
    }

    fn buttons(&mut self, ui: &mut Ui, mood: Emotion, wishes: &mut Vec<Wish>) {
        ui.horizontal(|ui| {
            let wrong = self.draft.check().err();
            let dirty = self.is_dirty();
            if ui.add_enabled(dirty && wrong.is_none(), Button::new("Save")).clicked()
                && let Some(patch) = self.patch()
            {
                wishes.push(Wish::Edit(self.id.clone(), CharacterEdit::Patch(patch)));
            }
            if ui.add_enabled(dirty, Button::new("Undo changes")).clicked() {
                self.draft = self.saved.clone();
                self.stop_trying(mood, wishes);
            }
            match wrong {
                Some(wrong) => ui.colored_label(ui.visuals().error_fg_color, wrong.to_string()),
                None if dirty => ui.weak("not saved yet"),
                None => ui.weak("saved"),
            };
        });
    }

    fn voices(&mut self, ui: &mut Ui, voices: &[VoiceInfo]) {
        Grid::new("name").num_columns(2).show(ui, |ui| {
            ui.label("name");
            ui.text_edit_singleline(&mut self.draft.name);
            ui.end_row();
            ui.label("its own language");
            let own = self.draft.languages().first().copied().unwrap_or_default();
            ComboBox::from_id_salt("language").selected_text(spelt(own)).show_ui(ui, |ui| {
                for language in self.draft.languages() {
                    if ui.selectable_label(language == own, spelt(language)).clicked() {
                        self.draft.language = Some(language);
                    }
                }
            });
            ui.end_row();
        });
        let only = self.draft.voices.len() == 1;
        let mut gone = None;
        for (language, voice) in &mut self.draft.voices {
            ui.horizontal(|ui| {
                ui.strong(format!("Voice in {}", spelt(*language)));
                if !only && ui.small_button("remove").clicked() {
                    gone = Some(*language);
                }
            });
            ui.push_id(language, |ui| voice_fields(ui, *language, voice, voices));
        }
        if let Some(language) = gone {
            self.draft.voices.remove(&language);
            self.draft.language = self.draft.language.filter(|own| *own != language);
        }
        for language in [Language::English, Language::German] {
            if !self.draft.voices.contains_key(&language)
                && ui.button(format!("Add a voice in {}", spelt(language))).clicked()
            {
                // What was its own language by being the only one stays it.
                self.draft.language = self.draft.languages().first().copied();
                self.draft.voices.insert(language, Voice::default());
            }
        }
    }

    fn words(&mut self, ui: &mut Ui) {
        for language in self.draft.languages() {
            let speech = self.draft.personality.entry(language).or_default();
            ui.push_id(language, |ui| {
                ui.strong(format!("In {}", spelt(language)));
                ui.label("greeting");
                ui.add(TextEdit::multiline(&mut speech.greeting).desired_rows(1).desired_width(f32::INFINITY));
                ui.label("who it is, for a language model");
                ui.add(TextEdit::multiline(&mut speech.system_prompt).desired_rows(3).desired_width(f32::INFINITY));
            });
        }
        // Looking at the fields is no change.
        let saved = &self.saved.personality;
        self.draft.personality.retain(|language, speech| *speech != Default::default() || saved.contains_key(language));
        ui.weak("What it answers to which words is written in its file.");
    }

    fn motion(&mut self, ui: &mut Ui) {
        let Idle { liveliness, blinks, gaze, sway, breath } = &mut self.draft.idle;
        for (name, value, range) in [
            ("liveliness", liveliness, 0.0..=1.0),
            ("blinks a minute", blinks, 0.0..=60.0),
            ("gaze", gaze, 0.0..=2.0),
            ("sway", sway, 0.0..=2.0),
            ("breath", breath, 0.0..=2.0),
        ] {
            ui.add(Slider::new(value, range).text(name));
        }
        ui.horizontal(|ui| {
            ui.label("backdrop");
            backdrop(ui, &mut self.draft.background, &self.saved.background);
        });
    }

    fn faces(&mut self, ui: &mut Ui, wishes: &mut Vec<Wish>) {
        let mut changed = false;
        ui.horizontal_wrapped(|ui| {
            for emotion in Emotion::ALL {
                changed |= ui.selectable_value(&mut self.emotion, emotion, emotion.name()).clicked();
            }
        });
        ui.horizontal(|ui| {
            ui.checkbox(&mut self.both_sides, "both sides alike");
            let own = self.draft.emotions.contains_key(&self.emotion);
            if ui.add_enabled(own, Button::new("As built in").small()).clicked() {
                self.draft.emotions.remove(&self.emotion);
                changed = true;
            }
        });
        let mut face = self.draft.emotions.remove(&self.emotion).unwrap_or_default();
        changed |= expressions::sliders(ui, self.emotion, &mut face, self.both_sides);
        expressions::timing(ui, &mut face);
        if face != Default::default() {
            self.draft.emotions.insert(self.emotion, face);
        }
        if changed {
            let face = expressions::shown_face(self.emotion, self.draft.emotions.get(&self.emotion));
            let (shapes, head) = (expressions::weights(&face), face.head);
            wishes.push(Wish::Order(RemoteCommand::TryFace { shapes, head }));
            self.trying = true;
        }
    }

    fn delete(&mut self, ui: &mut Ui, wishes: &mut Vec<Wish>) {
        if self.is_default {
            ui.weak("This character is the one that is always there; it cannot be deleted.");
            return;
        }
        let name = &self.saved.name;
        if !self.asked {
            self.asked = ui.button(format!("Delete {name}…")).clicked();
            return;
        }
        ui.horizontal_wrapped(|ui| {
            ui.colored_label(ui.visuals().error_fg_color, format!("Delete {name} with all its files?"));
            if ui.button("Delete").clicked() {
                wishes.push(Wish::Edit(self.id.clone(), CharacterEdit::Delete));
                self.asked = false;
            }
            if ui.button("Keep").clicked() {
                self.asked = false;
            }
        });
    }
}

fn json(file: &CharacterFile) -> Option<Value> {
    serde_json::to_value(file).ok()
}

fn spelt(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::German => "German",
    }
}

fn voice_fields(ui: &mut Ui, language: Language, voice: &mut Voice, voices: &[VoiceInfo]) {
    let title = |known: &VoiceInfo| format!("{} ({})", known.name, known.engine);
    let now = voices.iter().find(|known| known.id == voice.model).map_or_else(|| voice.model.clone(), title);
    ComboBox::from_id_salt("model")
        .selected_text(now)
        .width(220.0)
        .show_ui(ui, |ui| {
            for known in voices.iter().filter(|known| known.languages.contains(&language)) {
                let label = |ui: &mut Ui| ui.selectable_label(known.id == voice.model, title(known));
                let hint = known.advice.as_deref().unwrap_or(&known.description);
                let chosen = ui.add_enabled_ui(known.installed, label).inner;
                if chosen.on_hover_text(hint).on_disabled_hover_text(hint).clicked() {
                    voice.model.clone_from(&known.id);
                    voice.engine = None;
                }
            }
        })
        .response
        .on_hover_text("A recording becomes a new voice on the page, or by `visage voices clone`");
    ui.add(Slider::new(&mut voice.speed, 0.5..=2.0).text("speed"));
    ui.add(Slider::new(&mut voice.pitch, 0.5..=2.0).text("pitch"));
    ui.add(Slider::new(&mut voice.volume, 0.0..=2.0).text("volume"));
}

fn backdrop(ui: &mut Ui, backdrop: &mut Background, saved: &Background) {
    let name = |backdrop: &Background| match backdrop {
        Background::Original => "as in the picture",
        Background::Colour(_) => "one colour",
        Background::Picture(_) => "a picture of its own",
        Background::Transparent => "transparent",
    };
    ComboBox::from_id_salt("backdrop").selected_text(name(backdrop)).show_ui(ui, |ui| {
        let colour = match &*backdrop {
            Background::Colour(colour) => *colour,
            _ => FIRST_COLOUR,
        };
        let picture = Some(saved.clone()).filter(|saved| matches!(saved, Background::Picture(_)));
        let choices = [Background::Original, Background::Colour(colour), Background::Transparent];
        for choice in choices.into_iter().chain(picture) {
            let label = name(&choice);
            ui.selectable_value(backdrop, choice, label);
        }
    });
    if let Background::Colour(Colour(colour)) = backdrop {
        ui.color_edit_button_srgb(colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(file: &CharacterFile, revision: &str) -> Card {
        Card {
            id: "ada".into(),
            revision: revision.into(),
            file: Ok(Box::new(file.clone())),
            thumbnail: None,
            is_default: false,
        }
    }

    #[test]
    fn what_is_saved_elsewhere_does_not_undo_what_is_changed_here() {
        let mut file = CharacterFile::new("Ada", Language::English);
        let mut editor = Editor::new(&card(&file, "1")).expect("the file is good");
        assert!(!editor.is_dirty());
        editor.draft.name = "Ada Lovelace".into();
        editor.draft.background = Background::Colour(FIRST_COLOUR);
        file.idle.liveliness = 0.2;
        file.background = Background::Picture("beach.png".into());
        editor.refresh(&card(&file, "2"));
        assert_eq!((editor.draft.name.as_str(), editor.draft.idle.liveliness), ("Ada Lovelace", 0.2));
        assert_eq!(editor.draft.background, Background::Colour(FIRST_COLOUR));
        // Saved: the file has what the draft had.
        file = editor.draft.clone();
        editor.refresh(&card(&file, "3"));
        assert!(!editor.is_dirty());
        assert_eq!(editor.patch(), Some(serde_json::json!({})));
    }

    #[test]
    fn a_file_that_cannot_be_read_cannot_be_edited() {
        let broken = Card { file: Err("line 3".into()), ..card(&CharacterFile::new("Ada", Language::English), "1") };
        assert!(Editor::new(&broken).is_none());
    }
}
