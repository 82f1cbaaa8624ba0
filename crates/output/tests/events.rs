//! Every kind of event against the schema that is published, and both against the page that explains them.

mod samples;

use std::collections::BTreeSet;

use pithead_output::{SCHEMA, json};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/events.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn events() -> Vec<(&'static str, Value)> {
    let parse = |record| serde_json::from_str(&json(&record)).unwrap();
    samples::all().into_iter().map(|(name, record)| (name, parse(record))).collect()
}

/// Calls `visit` with every schema inside this one, and its place.
fn walk(schema: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(place, schema);
    match schema {
        Value::Object(fields) => {
            for (key, inner) in fields {
                walk(inner, &format!("{place}/{key}"), visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, place, visit)),
        _ => {}
    }
}

/// The names of all properties that the schema knows.
fn properties() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk(&schema(), "", &mut |_, inner| {
        if let Some(Value::Object(properties)) = inner.get("properties") {
            names.extend(properties.keys().cloned());
        }
    });
    names
}

fn keys(event: &Value, into: &mut BTreeSet<String>) {
    match event {
        Value::Object(fields) => {
            for (key, inner) in fields {
                into.insert(key.clone());
                keys(inner, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| keys(inner, into)),
        _ => {}
    }
}

#[test]
fn the_schema_is_one() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&schema).unwrap();
}

#[test]
fn every_record_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, event) in events() {
        let kind = event["event_type"].as_str().unwrap();
        // The part for this type says more exactly what is wrong than the whole.
        let part = serde_json::json!({"$ref": format!("#/$defs/{kind}_event"), "$defs": schema()["$defs"]});
        let part = jsonschema::validator_for(&part).unwrap();
        let faults: Vec<String> =
            part.iter_errors(&event).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{event:#}");
        assert!(validator.is_valid(&event), "{name}: {event:#}");
    }
}

#[test]
fn the_schema_refuses_what_is_not_described() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, event) in events() {
        let mut places = vec![String::new()];
        places.extend(
            event.as_object().unwrap().iter().filter(|(_, v)| v.is_object()).map(|(k, _)| format!("/{k}")),
        );
        for place in places {
            let mut stranger = event.clone();
            stranger.pointer_mut(&place).unwrap()["password"] = "x".into();
            assert!(!validator.is_valid(&stranger), "{name}: a stranger in {place:?}");
        }
        let mut other = event;
        other["event_type"] = "fileinfo".into();
        assert!(!validator.is_valid(&other), "{name}: an unknown type");
    }
}

#[test]
fn every_object_of_the_schema_is_closed() {
    walk(&schema(), "", &mut |place, inner| {
        let is_schema = !place.ends_with("/properties");
        if is_schema && inner.get("properties").is_some() {
            assert_eq!(inner.get("additionalProperties"), Some(&Value::Bool(false)), "{place}");
        }
    });
}

#[test]
fn the_schema_knows_no_word_that_is_never_said() {
    let mut said = BTreeSet::new();
    events().iter().for_each(|(_, event)| keys(event, &mut said));
    assert_eq!(properties(), said);
}

#[test]
fn the_page_explains_every_property() {
    let missing: Vec<_> =
        properties().into_iter().filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/events.md does not speak of {missing:?}");
}

#[test]
fn the_examples_of_the_page_are_what_is_written() {
    let events = events();
    let blocks: Vec<&str> =
        PAGE.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 7, "one example for each type");
    for block in blocks {
        let example: Value =
            serde_json::from_str(block).unwrap_or_else(|fault| panic!("{fault} in\n{block}"));
        assert!(events.iter().any(|(_, event)| *event == example), "nothing is written like\n{block}");
    }
}
