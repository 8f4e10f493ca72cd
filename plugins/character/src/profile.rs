//! From what is stored of a character to what the other plugins need.

use std::{collections::BTreeMap, sync::Arc};

use visage_core::{Emotion, FacePose, Language};
use visage_library::{CharacterFile, EmotionFace, Engine, Entry, Idle, Loaded, Renderer, Speech, Voice};
use visage_schedule::{
    CharacterProfile, CharacterSummary, EmotionPreset, IdleMotion, IntentReply, Personality, RendererChoice,
    VoiceSettings,
};

/// espeak-ng, as the voices know it.
const ESPEAK: &str = "espeak-ng";

/// A line of the list of characters.
pub(crate) fn summary(entry: &Entry) -> CharacterSummary {
    CharacterSummary {
        id: entry.id.clone(),
        name: entry.file.name.clone(),
        languages: entry.file.languages(),
        revision: entry.revision.clone(),
    }
}

/// What the other plugins need of a character. `references` are the voices' recordings, mono at 24 kHz.
pub(crate) fn profile(loaded: &Loaded, mut references: BTreeMap<Language, Arc<[f32]>>) -> CharacterProfile {
    let Entry { id, file, .. } = &loaded.entry;
    let CharacterFile { name, personality, emotions, voices, .. } = file;
    CharacterProfile {
        id: id.clone(),
        name: name.clone(),
        portrait: loaded.portrait.clone(),
        renderer: match file.renderer {
            Renderer::Auto => RendererChoice::Auto,
            Renderer::Warp => RendererChoice::Warp,
            Renderer::LivePortrait => RendererChoice::LivePortrait,
        },
        voices: file
            .languages()
            .into_iter()
            .filter_map(|language| Some((language, voice(voices.get(&language)?, references.remove(&language)))))
            .collect(),
        personalities: personality.iter().map(|(&language, speech)| says(language, speech)).collect(),
        emotions: emotions.iter().map(|(&emotion, face)| (emotion, preset(emotion, face))).collect(),
        idle: idle(&file.idle),
    }
}

fn voice(voice: &Voice, reference: Option<Arc<[f32]>>) -> VoiceSettings {
    let model = if voice.engine() == Engine::Espeak { ESPEAK } else { &voice.model };
    let Voice { speed, pitch, volume, .. } = *voice;
    VoiceSettings { model: model.to_owned(), reference, speed, pitch, volume }
}

fn says(language: Language, speech: &Speech) -> Personality {
    let intents = speech.intents.iter().map(|intent| IntentReply {
        words: intent.words.clone(),
        replies: intent.replies.clone(),
        emotion: intent.emotion,
    });
    Personality {
        language,
        system_prompt: speech.system_prompt.clone(),
        greeting: speech.greeting.clone(),
        intents: intents.collect(),
        fallback: speech.fallback.clone(),
    }
}

fn preset(emotion: Emotion, face: &EmotionFace) -> EmotionPreset {
    let mut preset = EmotionPreset::built_in(emotion);
    if let Some(shapes) = &face.shapes {
        let weights: Vec<_> = shapes.iter().map(|(&shape, &weight)| (shape, weight)).collect();
        preset.face = FacePose { head: preset.face.head, ..FacePose::of(&weights) };
    }
    preset.face.head = face.head.unwrap_or(preset.face.head);
    preset.onset = face.onset.unwrap_or(preset.onset);
    preset.decay = face.decay.unwrap_or(preset.decay);
    preset.response = face.response.unwrap_or(preset.response);
    preset
}

fn idle(idle: &Idle) -> IdleMotion {
    let Idle { liveliness, blinks, gaze, sway, breath } = *idle;
    IdleMotion { liveliness, blinks, gaze, sway, breath }
}

#[cfg(test)]
mod tests {
    use visage_core::{Backdrop, Blendshape, HeadPose, PortraitSource, emotion_face};
    use visage_library::ETag;

    use super::*;

    fn of(text: &str) -> CharacterProfile {
        let file = CharacterFile::parse(text).expect("a correct file");
        let entry = Entry { id: "ada".into(), file, etag: ETag::new("1"), revision: "1".into() };
        let portrait = Arc::new(PortraitSource::new(Arc::from([7]), None, Backdrop::Transparent));
        let loaded = Loaded { entry, portrait, references: BTreeMap::new() };
        profile(&loaded, [(Language::German, Arc::from([0.5]))].into())
    }

    #[test]
    fn everything_of_the_file_arrives() {
        let profile = of(r#"(
            name: "Ada", renderer: warp, language: de,
            voices: { en: (model: "piper-en-joe", speed: 1.1), de: (pitch: 0.9, volume: 0.5) },
            personality: { de: (
                system_prompt: "Du bist Ada.", greeting: "Tag.", fallback: ["Hm."],
                intents: [(words: ["hallo"], replies: ["Moin."], emotion: happy)],
            ) },
            emotions: { sad: (shapes: {jawOpen: 0.5}, onset: 1.5), happy: (head: (yaw: 0.1), response: 0.2) },
            idle: (liveliness: 0.1, blinks: 3.0, gaze: 0.2, sway: 0.3, breath: 0.4),
        )"#);
        assert_eq!((profile.id.as_str(), profile.name.as_str()), ("ada", "Ada"));
        assert_eq!(profile.renderer, RendererChoice::Warp);
        assert_eq!(profile.portrait.backdrop(), &Backdrop::Transparent);
        let [(first, german), (second, english)] = &profile.voices[..] else { panic!("{:?}", profile.voices) };
        assert_eq!((*first, *second), (Language::German, Language::English), "its own language first");
        assert_eq!((german.model.as_str(), german.pitch, german.volume), ("espeak-ng", 0.9, 0.5));
        assert_eq!(german.reference.as_deref(), Some(&[0.5][..]));
        assert_eq!((english.model.as_str(), english.speed), ("piper-en-joe", 1.1));
        let says = &profile.personalities[0];
        assert_eq!((says.system_prompt.as_str(), says.greeting.as_str()), ("Du bist Ada.", "Tag."));
        assert_eq!(says.intents[0].emotion, Some(Emotion::Happy));
        assert_eq!(profile.idle, IdleMotion { liveliness: 0.1, blinks: 3.0, gaze: 0.2, sway: 0.3, breath: 0.4 });
        // What a preset leaves out is as built in.
        let preset = |emotion| &profile.emotions.iter().find(|(named, _)| *named == emotion).expect("listed").1;
        let sad = preset(Emotion::Sad);
        assert_eq!(sad.face[Blendshape::JawOpen], 0.5);
        assert_eq!(sad.face[Blendshape::MouthFrownLeft], 0.0);
        assert_eq!(sad.face.head, emotion_face(Emotion::Sad).head);
        assert_eq!((sad.onset, sad.decay), (1.5, EmotionPreset::DECAY));
        let happy = preset(Emotion::Happy);
        assert_eq!(happy.face.shapes, emotion_face(Emotion::Happy).shapes);
        assert_eq!(happy.face.head, HeadPose { yaw: 0.1, ..HeadPose::default() });
        assert_eq!(happy.response, 0.2);
    }
}
