//! The controls: what is shown, and the orders that come out of it. No Bevy in here.

use std::path::PathBuf;

use bevy_egui::egui::{Button, ComboBox, Grid, Key, RichText, ScrollArea, Slider, TextEdit, Ui};
use visage_core::Emotion;
use visage_schedule::{CharacterEdit, CharacterSummary, DeviceState, QueueMode, RemoteCommand, Speaker, VoiceInfo};

use crate::{gallery::Gallery, graph, shelf::Card};

/// One line of the conversation.
#[derive(Clone, Debug)]
pub struct Line {
    /// Who said it.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// Whether it will not change any more.
    pub is_final: bool,
}

/// What the panel shows.
#[derive(Default)]
pub struct View<'a> {
    /// The characters there are.
    pub characters: &'a [CharacterSummary],
    /// Id of the one on stage.
    pub active: Option<&'a str>,
    /// The emotion that the face heads for.
    pub emotion: Emotion,
    /// "idle", "listening", "thinking" or "speaking".
    pub conversation: &'a str,
    /// Lines of the conversation, oldest first.
    pub lines: &'a [Line],
    /// What went wrong last.
    pub problem: Option<&'a str>,
    /// What is not as it should be.
    pub notices: &'a [String],
    /// The local microphone; `None` where there is none.
    pub microphone: Option<&'a DeviceState>,
    /// Duration of each stage in milliseconds, oldest first.
    pub stages: &'a [(&'static str, Vec<f32>)],
    /// What draws the character, and why nothing better does.
    pub renderer: (&'a str, Option<&'a str>),
    /// Share of ticks that began in time.
    pub on_time: f64,
    /// From order to first sound, seconds.
    pub first_sound: Option<f32>,
    /// From end of voice to final words, seconds.
    pub transcription: Option<f32>,
}

/// What a person wants.
#[derive(Clone, Debug)]
pub enum Wish {
    /// What a page could order, too.
    Order(RemoteCommand),
    /// The gallery comes into sight: characters and voices are to be looked at again.
    Look,
    /// The character with this id is to be changed.
    Edit(String, CharacterEdit),
    /// There is to be a new character.
    Create {
        /// What it is called.
        name: String,
        /// Where its picture lies.
        path: PathBuf,
    },
}

/// What the panel is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    /// The conversation with the character.
    #[default]
    Talk,
    /// The characters themselves.
    Characters,
}

/// What a person has set in the panel.
pub struct Panel {
    tab: Tab,
    text: String,
    strength: f32,
    /// Whether the problem was read and put away.
    dismissed: bool,
    gallery: Gallery,
}

impl Default for Panel {
    fn default() -> Self {
        Self { tab: Tab::Talk, text: String::new(), strength: 1.0, dismissed: false, gallery: Gallery::default() }
    }
}

/// A tick's budget on two processor cores, milliseconds (docs/performance.md).
const BUDGET: f32 = 16.0;

/// Room for a scroll bar that lies over what is scrolled, in points.
const SCROLL_BAR: f32 = 10.0;

impl Panel {
    /// Draws the controls and returns what was ordered.
    pub fn show(&mut self, ui: &mut Ui, view: &View) -> Vec<Wish> {
        let mut wishes = Vec::new();
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            for (tab, name) in [(Tab::Talk, "Talk"), (Tab::Characters, "Characters")] {
                let opened = ui.selectable_value(&mut self.tab, tab, RichText::new(name).heading()).clicked();
                if opened && tab == Tab::Characters {
                    wishes.push(Wish::Look);
                }
            }
        });
        ui.separator();
        self.problem(ui, view);
        match self.tab {
            Tab::Talk => {
                self.gallery.hide(view.emotion, &mut wishes);
                let mut orders = Vec::new();
                self.talk(ui, view, &mut orders);
                wishes.extend(orders.into_iter().map(Wish::Order));
            }
            Tab::Characters => {
                ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                    ui.set_max_width(ui.available_width() - SCROLL_BAR);
                    self.gallery.show(ui, view.active, view.emotion, &mut wishes);
                });
            }
        }
        wishes
    }

    fn talk(&mut self, ui: &mut Ui, view: &View, orders: &mut Vec<RemoteCommand>) {
        self.character(ui, view, orders);
        ui.separator();
        self.emotion(ui, view, orders);
        ui.separator();
        self.speech(ui, view, orders);
        ui.separator();
        conversation(ui, view);
        ui.separator();
        numbers(ui, view);
    }

    /// The characters have been read. Returns what follows from it.
    pub(crate) fn characters_came(&mut self, cards: Vec<Card>) -> Vec<Wish> {
        self.gallery.came(cards)
    }

    /// The voices have been looked at.
    pub(crate) fn voices_came(&mut self, voices: Vec<VoiceInfo>) {
        self.gallery.voices = voices;
    }

    /// A picture was dropped on the window.
    pub(crate) fn picture_dropped(&mut self, path: PathBuf) -> Wish {
        self.tab = Tab::Characters;
        self.gallery.dropped(path)
    }

    fn character(&mut self, ui: &mut Ui, view: &View, orders: &mut Vec<RemoteCommand>) {
        ui.heading("Character");
        let active = view.characters.iter().find(|character| Some(character.id.as_str()) == view.active);
        let shown = active.map_or("making it ready…", |character| character.name.as_str());
        ComboBox::from_id_salt("character").selected_text(shown).width(ui.available_width() - 8.0).show_ui(ui, |ui| {
            for character in view.characters {
                let is_active = Some(character.id.as_str()) == view.active;
                if ui.selectable_label(is_active, &character.name).clicked() && !is_active {
                    orders.push(RemoteCommand::Activate { id: character.id.clone() });
                }
            }
        });
    }

    fn emotion(&mut self, ui: &mut Ui, view: &View, orders: &mut Vec<RemoteCommand>) {
        ui.heading("Emotion");
        ui.horizontal_wrapped(|ui| {
            for emotion in Emotion::ALL {
                if ui.selectable_label(view.emotion == emotion, emotion.name()).clicked() {
                    orders.push(RemoteCommand::Emotion { emotion, strength: self.strength });
                }
            }
        });
        let slider = ui.add(Slider::new(&mut self.strength, 0.0..=1.0).text("strength"));
        if slider.changed() {
            orders.push(RemoteCommand::Emotion { emotion: view.emotion, strength: self.strength });
        }
    }

    fn speech(&mut self, ui: &mut Ui, view: &View, orders: &mut Vec<RemoteCommand>) {
        ui.heading("Talk");
        let field = TextEdit::multiline(&mut self.text).hint_text("Write something…").desired_rows(2);
        let field = ui.add(field.desired_width(f32::INFINITY));
        let enter = field.has_focus() && ui.input(|input| input.key_pressed(Key::Enter) && !input.modifiers.shift);
        ui.horizontal(|ui| {
            let ready = !self.text.trim().is_empty();
            if ui.add_enabled(ready, Button::new("Speak")).on_hover_text("The character says this").clicked() {
                let (text, queue) = (self.take_text(), QueueMode::Replace);
                orders.push(RemoteCommand::Say { text, language: None, emotion: None, queue });
            }
            let ask = ui.add_enabled(ready, Button::new("Ask")).on_hover_text("The character answers this (Enter)");
            if ready && (ask.clicked() || enter) {
                orders.push(RemoteCommand::Chat { text: self.take_text() });
            }
            let talks = ["thinking", "speaking"].contains(&view.conversation);
            if ui.add_enabled(talks, Button::new("Stop")).clicked() {
                orders.push(RemoteCommand::Stop);
            }
            if let Some(microphone) = view.microphone {
                let on = microphone.wanted;
                if ui.selectable_label(on, microphone_label(microphone)).clicked() {
                    orders.push(RemoteCommand::Listen { on: !on });
                }
            }
        });
        let shown = view.problem.filter(|_| !self.dismissed);
        let trouble = view.microphone.and_then(|microphone| microphone.trouble.as_deref());
        if let Some(trouble) = trouble.filter(|trouble| Some(*trouble) != shown) {
            ui.colored_label(ui.visuals().warn_fg_color, trouble);
        }
    }

    /// A problem has come, perhaps the same as before: it is shown, whatever was put away.
    pub(crate) fn problem_came(&mut self) {
        self.dismissed = false;
    }

    fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text).trim().to_owned()
    }

    fn problem(&mut self, ui: &mut Ui, view: &View) {
        for notice in view.notices {
            ui.colored_label(ui.visuals().warn_fg_color, notice);
        }
        let Some(problem) = view.problem.filter(|_| !self.dismissed) else { return };
        ui.horizontal_wrapped(|ui| {
            ui.colored_label(ui.visuals().error_fg_color, problem);
            if ui.small_button("OK").clicked() {
                self.dismissed = true;
            }
        });
        ui.separator();
    }
}

/// What the microphone's button says: it follows the device, not the finger.
fn microphone_label(microphone: &DeviceState) -> &'static str {
    match microphone {
        DeviceState { wanted: false, .. } => "Microphone off",
        DeviceState { open: true, .. } => "Microphone on",
        DeviceState { trouble: Some(_), .. } => "Microphone fails",
        DeviceState { .. } => "Microphone opens…",
    }
}

fn conversation(ui: &mut Ui, view: &View) {
    ui.heading(format!("Conversation · {}", view.conversation));
    let height = (ui.available_height() - 250.0).max(90.0);
    ScrollArea::vertical().max_height(height).stick_to_bottom(true).auto_shrink([false, false]).show(ui, |ui| {
        if view.lines.is_empty() {
            ui.weak("Nothing has been said yet.");
        }
        for line in view.lines {
            let name = match line.speaker {
                Speaker::User => "You",
                Speaker::Avatar => "Avatar",
            };
            let text = RichText::new(format!("{name}: {}", line.text));
            ui.label(if line.is_final { text } else { text.weak() });
        }
    });
}

fn numbers(ui: &mut Ui, view: &View) {
    ui.heading("Timing");
    Grid::new("numbers").num_columns(2).show(ui, |ui| {
        let seconds = |value: Option<f32>| value.map_or("–".to_owned(), |value| format!("{:.0} ms", value * 1e3));
        for (name, value) in [
            ("ticks on time", format!("{:.2} %", view.on_time * 100.0)),
            ("text to first sound", seconds(view.first_sound)),
            ("voice to words", seconds(view.transcription)),
        ] {
            ui.label(name);
            ui.label(value);
            ui.end_row();
        }
        let (renderer, reason) = view.renderer;
        ui.label("drawn by");
        let name = ui.label(renderer);
        if let Some(reason) = reason {
            name.on_hover_text(reason);
        }
        ui.end_row();
    });
    ScrollArea::vertical().id_salt("stages").show(ui, |ui| {
        for (name, milliseconds) in view.stages {
            let median = median(milliseconds);
            ui.label(format!("{name} {median:.2} ms"));
            graph::durations(ui, milliseconds, BUDGET);
        }
    });
}

/// The middle value; 0 if there is none.
fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        for (values, middle) in [(&[][..], 0.0), (&[3.0, 1.0, 2.0], 2.0), (&[5.0], 5.0)] {
            assert_eq!(median(values), middle);
        }
    }

    #[test]
    fn the_button_follows_the_microphone() {
        let state =
            |wanted, open, trouble: Option<&str>| DeviceState { wanted, open, trouble: trouble.map(Into::into) };
        for (microphone, label) in [
            (state(false, false, None), "Microphone off"),
            (state(true, false, None), "Microphone opens…"),
            (state(true, true, None), "Microphone on"),
            (state(true, false, Some("It was unplugged.")), "Microphone fails"),
        ] {
            assert_eq!(microphone_label(&microphone), label);
        }
    }

    #[test]
    fn what_is_ordered_leaves_the_field_empty_and_trimmed() {
        let mut panel = Panel { text: "  Hello. \n".into(), ..Panel::default() };
        assert_eq!(panel.take_text(), "Hello.");
        assert!(panel.text.is_empty());
    }
}
