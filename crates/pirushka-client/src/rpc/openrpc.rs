//! The description of all methods ([OpenRPC](https://spec.open-rpc.org)), made from the types of the engine's protocol
//! and their comments.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::{Value, json};

use super::calls::FAILED;
use super::events::{Broken, EVENT};
use crate::engine::protocol::{Done, Request};
use crate::view::EventView;

/// The method that answers with this document.
pub const DISCOVER: &str = "rpc.discover";

/// Requests of the engine's own protocol that are no methods.
const INTERNAL: &[&str] = &["stop", "unknown"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
/// What each method takes.
static METHODS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let methods = DOCUMENT["methods"].as_array().into_iter().flatten();
    let name = |of: &Value| of["name"].as_str().unwrap_or_default().to_owned();
    methods
        .map(|method| (name(method), method["params"].as_array().into_iter().flatten().map(name).collect()))
        .collect()
});

/// The document.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The names of all methods.
pub(super) fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.keys().map(String::as_str)
}

/// The names of what a method takes; `None`: there is no such method.
pub(super) fn parameters(method: &str) -> Option<&'static Vec<String>> {
    METHODS.get(method)
}

fn make() -> Value {
    let mut generator = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let results = results(&mut generator);
    let requests = Request::json_schema(&mut generator);
    let methods: Vec<Value> = variants(requests.as_value()).filter_map(|variant| method(variant, &results)).collect();
    generator.subschema_for::<EventView>();
    generator.subschema_for::<Broken>();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Pirushka",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One JSON object (or batch) per line. Calls are carried out in the order in which they come; \
                what waits is answered when it is over. Methods and fields are only ever added.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "methods": methods,
        "x-notifications": [{
            "name": EVENT,
            "description": "Told after `subscribe`.",
            "params": { "anyOf": [{ "$ref": "#/components/schemas/EventView" }, { "$ref": "#/components/schemas/Broken" }] },
        }],
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

/// What each kind of [`Done`] holds, by the kind's name.
fn results(generator: &mut SchemaGenerator) -> BTreeMap<String, Value> {
    let done = Done::json_schema(generator);
    let kinds = variants(done.as_value()).filter_map(|variant| variant["properties"].as_object());
    kinds.flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

fn method(variant: &Value, results: &BTreeMap<String, Value>) -> Option<Value> {
    let properties = variant["properties"].as_object()?;
    let name = properties["do"]["const"].as_str().filter(|name| !INTERNAL.contains(name))?;
    let (description, kind) = described(variant["description"].as_str().unwrap_or_default());
    let required: Vec<&str> = variant["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let params = properties.iter().filter(|(param, _)| *param != "do");
    let result = results.get(&kind).cloned().unwrap_or_else(|| json!({ "type": "null" }));
    Some(json!({
        "name": name,
        "description": description,
        "paramStructure": "by-name",
        "params": params.map(|(param, schema)| parameter(param, schema, &required)).collect::<Value>(),
        "result": { "name": "result", "schema": result },
        "errors": [{ "code": FAILED, "message": "failed; `data.code` is a Code, `data.remedy` what helps" }],
    }))
}

fn parameter(name: &str, schema: &Value, required: &[&str]) -> Value {
    json!({ "name": name, "required": required.contains(&name), "schema": schema })
}

/// What a comment says, and the kind of answer that it names: ``Everybody. [`Done::Contacts`].``
fn described(comment: &str) -> (String, String) {
    let (words, link) = comment.split_once("[`Done::").unwrap_or((comment, ""));
    let kind = link.split('`').next().unwrap_or_default().to_lowercase();
    (words.split_whitespace().collect::<Vec<_>>().join(" "), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_the_engine_is_a_method_that_names_what_it_answers_with() {
        let requests = Request::json_schema(&mut SchemaGenerator::default());
        assert_eq!(methods().count() + INTERNAL.len(), variants(requests.as_value()).count());
        let null = json!({ "type": "null" });
        for method in document()["methods"].as_array().unwrap() {
            let name = method["name"].as_str().unwrap();
            let nothing = ["subscribe", "rename_me", "set_home", "home_add", "home_remove", "home_move", "policy_set"];
            let nothing = [&nothing[..], &["invite_revoke", "contact_refuse", "contact_remove", "mark_seen"]].concat();
            assert_eq!(method["result"]["schema"] == null, nothing.contains(&name), "{name}");
            assert_ne!(method["description"], "", "{name} says nothing of itself");
        }
        assert_eq!(parameters("send").unwrap(), &["text", "timeout_ms", "wait", "who"]);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(object) => object.iter().for_each(|(key, value)| match value.as_str() {
                    Some(to) if key == "$ref" => found.push(to.to_owned()),
                    _ => walk(value, found),
                }),
                Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let mut references = vec![];
        walk(document(), &mut references);
        assert!(references.len() > 20);
        for reference in references {
            assert!(document().pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
