//! What has changed between two forms of a character, as a JSON Merge Patch (RFC 7396). No Bevy.

use serde_json::{Map, Value};

/// The field whose value is always given as a whole: its variants exclude each other.
const WHOLE: &str = "background";

/// The merge patch that makes `new` of `old`. Fields that `new` leaves out are `null` in it. An empty object if the two
/// are the same.
pub fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for (name, value) in after {
        match before.get(name) {
            Some(known) if known == value => {}
            Some(known) if name != WHOLE => {
                patch.insert(name.clone(), difference(known, value));
            }
            _ => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    Value::Object(patch)
}

/// Applies a patch that [`difference`] made, also to a form that was changed elsewhere in the meantime.
pub fn apply(form: &mut Value, patch: &Value) {
    let whole = patch.get(WHOLE).cloned();
    json_patch::merge(form, patch);
    if let (Some(whole), Some(fields)) = (whole.filter(|whole| !whole.is_null()), form.as_object_mut()) {
        fields.insert(WHOLE.to_owned(), whole);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_and_nothing_else_is_in_the_patch() {
        let check = |old: Value, new: Value, patch: Value| {
            assert_eq!(difference(&old, &new), patch, "{old} to {new}");
            let mut made = old;
            apply(&mut made, &patch);
            assert_eq!(made, new);
        };
        check(json!({"name": "A"}), json!({"name": "A"}), json!({}));
        check(json!({"name": "A"}), json!({"name": "B"}), json!({"name": "B"}));
        check(json!({"name": "A", "id": "a"}), json!({"name": "A"}), json!({"id": null}));
        check(
            json!({"voices": {"en": {"model": "x", "speed": 1.5}, "de": {}}}),
            json!({"voices": {"en": {"model": "x"}, "de": {}}}),
            json!({"voices": {"en": {"speed": null}}}),
        );
        check(json!({"words": ["a", "b"]}), json!({"words": ["a"]}), json!({"words": ["a"]}));
        check(
            json!({"background": {"picture": "beach.png"}}),
            json!({"background": {"colour": "#ffffff"}}),
            json!({"background": {"colour": "#ffffff"}}),
        );
        check(json!({"background": "transparent"}), json!({}), json!({"background": null}));
    }

    #[test]
    fn changes_survive_what_somebody_else_has_changed() {
        let patch = difference(&json!({"name": "A", "greeting": "Hi"}), &json!({"name": "B", "greeting": "Hi"}));
        let mut theirs = json!({"name": "A", "greeting": "Hello", "renderer": "warp"});
        apply(&mut theirs, &patch);
        assert_eq!(theirs, json!({"name": "B", "greeting": "Hello", "renderer": "warp"}));
    }
}
