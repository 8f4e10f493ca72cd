//! The gallery: all characters as pictures, a new one from a picture, and the form for the one on stage. No Bevy.

use std::{collections::BTreeMap, path::PathBuf};

use bevy_egui::egui::{
    Align, Button, CollapsingHeader, Color32, ColorImage, Image, Label, Layout, RichText, Sense, Stroke, StrokeKind,
    TextEdit, TextureHandle, TextureOptions, Ui, Vec2, vec2,
};
use visage_core::{Emotion, Raster};
use visage_schedule::{RemoteCommand, VoiceInfo};

use crate::{Wish, editor::Editor, shelf::Card};

/// Width and height of a thumbnail in points.
const SIDE: f32 = 92.0;
/// Height of the name below it.
const NAME: f32 = 24.0;

/// All characters, and what a person does to them.
#[derive(Default)]
pub struct Gallery {
    cards: Vec<Card>,
    /// Who can speak.
    pub(crate) voices: Vec<VoiceInfo>,
    /// Thumbnails on the graphics device, with the revision that they show.
    pictures: BTreeMap<String, (String, TextureHandle)>,
    editor: Option<Editor>,
    path: String,
    name: String,
    /// The name of a character that was ordered and has not come yet. It goes on stage when it comes.
    ordered: Option<String>,
}

impl Gallery {
    /// The characters have been read. Returns what follows from it.
    pub fn came(&mut self, cards: Vec<Card>) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let known = |card: &&Card| self.cards.iter().all(|old| old.id != card.id);
        let named = |card: &&Card, name: &str| card.file.as_ref().is_ok_and(|file| file.name == name);
        if let Some(name) = &self.ordered
            && let Some(new) = cards.iter().filter(known).find(|card| named(card, name))
        {
            wishes.push(Wish::Order(RemoteCommand::Activate { id: new.id.clone() }));
            self.ordered = None;
            self.path.clear();
            self.name.clear();
        }
        self.pictures.retain(|id, (revision, _)| cards.iter().any(|card| card.id == *id && card.revision == *revision));
        if let Some(editor) = &mut self.editor
            && let Some(card) = cards.iter().find(|card| card.id == editor.id())
        {
            editor.refresh(card);
        }
        self.cards = cards;
        wishes
    }

    /// A picture was dropped on the window: a character is to be made of it, named like the file.
    pub fn dropped(&mut self, path: PathBuf) -> Wish {
        let name = path.file_stem().map_or_else(|| "New".into(), |stem| spoken(&stem.to_string_lossy()));
        self.ordered = Some(name.clone());
        Wish::Create { name, path }
    }

    /// Draws the gallery and the form.
    pub fn show(&mut self, ui: &mut Ui, active: Option<&str>, mood: Emotion, wishes: &mut Vec<Wish>) {
        ui.heading("Characters");
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
            for index in 0..self.cards.len() {
                self.card(ui, index, active, wishes);
            }
        });
        for card in &self.cards {
            if let Err(reason) = &card.file {
                ui.colored_label(ui.visuals().error_fg_color, format!("{}: {reason}", card.id));
            }
        }
        self.new_one(ui, wishes);
        ui.separator();
        self.form(ui, active, mood, wishes);
    }

    /// The form is out of sight: the face on stage shows its own mood again.
    pub fn hide(&mut self, mood: Emotion, wishes: &mut Vec<Wish>) {
        if let Some(editor) = &mut self.editor {
            editor.stop_trying(mood, wishes);
        }
    }

    fn card(&mut self, ui: &mut Ui, index: usize, active: Option<&str>, wishes: &mut Vec<Wish>) {
        let picture = self.picture(ui, index);
        let card = &self.cards[index];
        let Ok(file) = &card.file else { return };
        let on_stage = active == Some(card.id.as_str());
        ui.allocate_ui_with_layout(vec2(SIDE, SIDE + NAME), Layout::top_down(Align::Center), |ui| {
            ui.set_height(SIDE + NAME);
            ui.spacing_mut().item_spacing.y = 4.0;
            let response = match picture {
                Some(texture) => {
                    let image = Image::from_texture((texture.id(), Vec2::splat(SIDE))).corner_radius(8);
                    ui.add(image.sense(Sense::click()).alt_text(&file.name))
                }
                None => ui.add_sized(Vec2::splat(SIDE), Button::new("no picture")),
            };
            let colour = match (on_stage, response.hovered()) {
                (true, _) => ui.visuals().selection.bg_fill,
                (false, true) => ui.visuals().weak_text_color(),
                (false, false) => Color32::TRANSPARENT,
            };
            ui.painter().rect_stroke(response.rect, 8, Stroke::new(3.0, colour), StrokeKind::Outside);
            if response.on_hover_text(format!("Put {} on stage", file.name)).clicked() && !on_stage {
                wishes.push(Wish::Order(RemoteCommand::Activate { id: card.id.clone() }));
            }
            let name = RichText::new(&file.name);
            ui.add(Label::new(if on_stage { name.strong() } else { name }).truncate());
        });
    }

    fn picture(&mut self, ui: &Ui, index: usize) -> Option<TextureHandle> {
        let Card { id, revision, thumbnail, .. } = &self.cards[index];
        if let Some((known, texture)) = self.pictures.get(id)
            && known == revision
        {
            return Some(texture.clone());
        }
        let Raster { width, height, rgba } = thumbnail.as_ref()?;
        let image = ColorImage::from_rgba_unmultiplied([*width as usize, *height as usize], rgba);
        let texture = ui.ctx().load_texture(id.clone(), image, TextureOptions::LINEAR);
        self.pictures.insert(id.clone(), (revision.clone(), texture.clone()));
        Some(texture)
    }

    fn new_one(&mut self, ui: &mut Ui, wishes: &mut Vec<Wish>) {
        CollapsingHeader::new("New character").default_open(false).show(ui, |ui| {
            ui.label("Drop a picture with a face on the window, or write where it lies:");
            let wide = f32::INFINITY;
            ui.add(TextEdit::singleline(&mut self.path).hint_text("/home/me/portrait.jpg").desired_width(wide));
            ui.add(TextEdit::singleline(&mut self.name).hint_text("What is it called?").desired_width(wide));
            let (path, name) = (self.path.trim(), self.name.trim());
            if ui.add_enabled(!path.is_empty() && !name.is_empty(), Button::new("Create")).clicked() {
                self.ordered = Some(name.to_owned());
                wishes.push(Wish::Create { name: name.to_owned(), path: path.into() });
            }
        });
    }

    fn form(&mut self, ui: &mut Ui, active: Option<&str>, mood: Emotion, wishes: &mut Vec<Wish>) {
        if self.editor.as_ref().map(Editor::id) != active {
            self.hide(mood, wishes);
            let card = self.cards.iter().find(|card| Some(card.id.as_str()) == active);
            self.editor = card.and_then(Editor::new);
        }
        match &mut self.editor {
            Some(editor) => {
                ui.push_id(editor.id().to_owned(), |ui| editor.show(ui, mood, &self.voices, wishes));
            }
            None => {
                ui.weak("Nobody who could be edited is on stage.");
            }
        }
    }
}

/// The name of a file as a person would say it: "ada_lovelace" is "Ada lovelace".
fn spoken(stem: &str) -> String {
    let words = stem.replace(['_', '-'], " ");
    let mut letters = words.trim().chars();
    letters.next().map_or_else(|| "New".into(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use visage_core::Language;
    use visage_library::CharacterFile;

    use super::*;

    fn card(id: &str, name: &str) -> Card {
        Card {
            id: id.into(),
            revision: "1".into(),
            file: Ok(Box::new(CharacterFile::new(name, Language::English))),
            thumbnail: None,
            is_default: false,
        }
    }

    #[test]
    fn who_was_made_of_a_dropped_picture_goes_on_stage_when_it_comes() {
        let mut gallery = Gallery::default();
        assert!(gallery.came(vec![card("ada", "Ada")]).is_empty());
        let Wish::Create { name, path } = gallery.dropped("/tmp/ada.png".into()) else { panic!("it is to be made") };
        assert_eq!((name.as_str(), path), ("Ada", PathBuf::from("/tmp/ada.png")));
        // The old one has the same name.
        assert!(gallery.came(vec![card("ada", "Ada")]).is_empty());
        let wishes = gallery.came(vec![card("ada", "Ada"), card("ada-2", "Ada")]);
        assert!(matches!(&wishes[..], [Wish::Order(RemoteCommand::Activate { id })] if id == "ada-2"), "{wishes:?}");
        assert!(gallery.came(vec![card("ada", "Ada"), card("ada-2", "Ada"), card("ada-3", "Ada")]).is_empty());
    }

    #[test]
    fn files_are_called_as_people_would_call_them() {
        for (stem, name) in [("ada_lovelace", "Ada lovelace"), ("élise", "Élise"), ("", "New"), ("-", "New")] {
            assert_eq!(spoken(stem), name);
        }
    }
}
