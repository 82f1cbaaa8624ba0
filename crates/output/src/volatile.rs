//! What differs between two runs over the same frames, or two ways of naming the same file.
//!
//! Expected events are compared without these. Everything else in an event follows from the frames.

use serde_json::Value;

/// The volatile fields: an event type (`*` for every one) and a JSON pointer.
pub const VOLATILE: [(&str, &str); 4] = [
    // The same capture from another folder is the same capture.
    ("*", "/pcap_filename"),
    // Live, the closing record comes when the program is stopped.
    ("stats", "/timestamp"),
    ("stats", "/stats/version"),
    ("stats", "/stats/seconds"),
];

/// The event without its volatile fields. What is no event comes back as it is.
pub fn normalize(event: &Value) -> Value {
    let mut event = event.clone();
    let kind = event.get("event_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (of, pointer) in VOLATILE {
        if of == "*" || of == kind {
            remove(&mut event, pointer);
        }
    }
    event
}

fn remove(event: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(fields)) = event.pointer_mut(parent) {
        fields.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volatile_fields_go_and_the_rest_stays() {
        let event = json!({
            "timestamp": "t", "event_type": "stats", "pcap_filename": "a.pcap",
            "stats": {"version": "1", "seconds": 0.5, "alerts": 3},
        });
        assert_eq!(normalize(&event), json!({"event_type": "stats", "stats": {"alerts": 3}}));
    }

    #[test]
    fn the_time_of_an_alert_is_not_volatile() {
        let event = json!({"timestamp": "t", "event_type": "alert", "pcap_filename": "a.pcap"});
        assert_eq!(normalize(&event), json!({"timestamp": "t", "event_type": "alert"}));
    }

    #[test]
    fn anything_else_comes_back_as_it_is() {
        for value in [json!(null), json!([1, 2]), json!("stats"), json!({"event_type": 7, "stats": 1})] {
            assert_eq!(normalize(&value), value);
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing_more() {
        let event = json!({"event_type": "stats", "timestamp": "t", "stats": {"seconds": 1, "files": 2}});
        assert_eq!(normalize(&normalize(&event)), normalize(&event));
    }
}
