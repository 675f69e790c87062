//! A line as calls, a call as a request to the engine, an outcome as an answer. Framing by `jsonrpsee-types`.

use jsonrpsee_types::error::{
    INVALID_PARAMS_CODE, INVALID_REQUEST_CODE, METHOD_NOT_FOUND_CODE, OVERSIZED_REQUEST_CODE, PARSE_ERROR_CODE,
};
use jsonrpsee_types::{ErrorObjectOwned, Id, InvalidRequest, Notification, Response, ResponsePayload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::openrpc;
use crate::engine::protocol::{Done, Request};
use crate::error::Error;

/// The number of everything that goes wrong in Pirushka; which of it, `data.code` says.
pub const FAILED: i32 = jsonrpsee_types::error::CALL_EXECUTION_FAILED_CODE;

/// Calls in a batch, which is answered in one line.
const BATCH_MAX: usize = 64;

/// What an answer holds.
pub(super) type Outcome = Result<Value, ErrorObjectOwned>;

/// One call of a line.
pub(super) struct Call {
    /// `None`: nobody wants an answer.
    pub(super) id: Option<Id<'static>>,
    pub(super) what: Result<Ask, ErrorObjectOwned>,
}

/// What is asked for.
pub(super) enum Ask {
    /// `rpc.discover`: the description of all methods.
    Discover,
    /// To the engine.
    Engine(Request),
}

/// The calls of a line, and whether they came as a batch, to be answered as one.
pub(super) fn of_line(line: &RawValue) -> (Vec<Call>, bool) {
    if !line.get().starts_with('[') {
        return (vec![of_object(line.get())], false);
    }
    match serde_json::from_str::<Vec<&RawValue>>(line.get()) {
        Ok(batch) if (1..=BATCH_MAX).contains(&batch.len()) => {
            (batch.into_iter().map(|one| of_object(one.get())).collect(), true)
        }
        _ => (vec![invalid(Id::Null)], false),
    }
}

/// What is no JSON.
pub(super) fn nonsense(why: &str) -> Call {
    Call { id: Some(Id::Null), what: Err(error(PARSE_ERROR_CODE, format!("not JSON in one line: {why}"))) }
}

/// A line without end.
pub(super) fn too_long(max: usize) -> Call {
    let why = format!("a line is at most {max} bytes; the rest of the connection cannot be understood");
    Call { id: Some(Id::Null), what: Err(error(OVERSIZED_REQUEST_CODE, why)) }
}

fn of_object(text: &str) -> Call {
    if let Ok(call) = serde_json::from_str::<jsonrpsee_types::Request<'_>>(text) {
        let what = ask(&call.method, call.params.as_deref());
        return Call { id: Some(call.id.into_owned()), what };
    }
    if let Ok(call) = serde_json::from_str::<Notification<'_, Option<&RawValue>>>(text)
        && !has_id(text)
    {
        return Call { id: None, what: ask(&call.method, call.params) };
    }
    invalid(serde_json::from_str::<InvalidRequest<'_>>(text).map_or(Id::Null, |call| call.id.into_owned()))
}

/// Whoever gives an id that is none wants an answer.
fn has_id(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Numbered<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_str::<Numbered<'_>>(text).map_or(true, |call| call.id.is_some())
}

/// A line that the end of the connection cut off: nobody knows whether it was whole.
pub(super) fn cut() -> Call {
    Call {
        id: Some(Id::Null),
        what: Err(error(PARSE_ERROR_CODE, "the last line does not end; it was not carried out")),
    }
}

fn invalid(id: Id<'static>) -> Call {
    let why =
        r#"expected {"jsonrpc":"2.0","id":1,"method":"...","params":{...}} with a string or a whole number as id"#;
    Call { id: Some(id), what: Err(error(INVALID_REQUEST_CODE, format!("{why}, or 1 to {BATCH_MAX} of these"))) }
}

fn ask(method: &str, params: Option<&RawValue>) -> Result<Ask, ErrorObjectOwned> {
    if method == openrpc::DISCOVER {
        return Ok(Ask::Discover);
    }
    let known = openrpc::parameters(method).ok_or_else(|| no_method(method))?;
    let mut object = match params.map(|params| serde_json::from_str::<Option<Map<String, Value>>>(params.get())) {
        None => Map::new(),
        Some(Ok(object)) => object.unwrap_or_default(),
        Some(Err(why)) => return Err(error(INVALID_PARAMS_CODE, format!("parameters are by name, an object: {why}"))),
    };
    if let Some(name) = object.keys().find(|name| !known.contains(name)) {
        let near = nearest(name, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        return Err(error(INVALID_PARAMS_CODE, format!("{method} has no parameter \"{}\"{hint}", brief(name))));
    }
    object.insert("do".into(), method.into());
    serde_json::from_value(Value::Object(object))
        .map(Ask::Engine)
        .map_err(|why| error(INVALID_PARAMS_CODE, format!("{method}: {why}")))
}

fn no_method(method: &str) -> ErrorObjectOwned {
    let near = nearest(method, openrpc::methods());
    let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    error(METHOD_NOT_FOUND_CODE, format!("there is no method \"{}\"{hint}", brief(method)))
}

fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = brief(wrong);
    let distance = |name: &&str| strsim::damerau_levenshtein(name, &wrong);
    names.min_by_key(distance).filter(|name| distance(name) <= 3.min(name.len() / 2))
}

fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

/// What the engine says, as a face of this kind hears it.
pub(super) fn failed(failure: &Error) -> ErrorObjectOwned {
    let data = json!({ "code": failure.code, "remedy": failure.remedy });
    ErrorObjectOwned::owned(FAILED, failure.message.clone(), Some(data))
}

/// What was done, without the name of its kind, which the method tells.
pub(super) fn result(done: &Done) -> Value {
    match serde_json::to_value(done) {
        Ok(Value::Object(object)) => object.into_iter().next().map_or(Value::Null, |(_, value)| value),
        _ => Value::Null,
    }
}

/// One answer.
pub(super) fn answer(id: Id<'static>, outcome: Outcome) -> Answer {
    let payload = match outcome {
        Ok(value) => ResponsePayload::success(value),
        Err(error) => ResponsePayload::error(error),
    };
    Response::new(payload, id)
}

pub(super) type Answer = Response<'static, Value>;

/// A line: an answer, answers or an event.
pub(super) fn line(object: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(line: &str) -> (Vec<Call>, bool) {
        of_line(&RawValue::from_string(line.to_owned()).unwrap())
    }

    fn refused(line: &str) -> (i32, String) {
        let (calls, _) = calls(line);
        let refusal = calls.into_iter().next().unwrap().what.err().unwrap();
        (refusal.code(), refusal.message().to_owned())
    }

    #[test]
    fn a_call_is_a_request_of_the_engine_by_its_name_and_what_is_left_out_has_its_default() {
        let (calls, is_batch) = calls(r#"{"jsonrpc":"2.0","id":7,"method":"send","params":{"who":"bob","text":"hi"}}"#);
        let Ok(Ask::Engine(request)) = &calls[0].what else { panic!("not understood") };
        let wait = crate::WaitFor::Queued;
        assert_eq!(*request, Request::Send { who: "bob".into(), text: "hi".into(), wait, timeout_ms: 30_000 });
        assert!(calls[0].id == Some(Id::Number(7)) && !is_batch);
    }

    #[test]
    fn a_call_without_id_wants_no_answer_and_one_with_a_bad_id_hears_that_it_is_bad() {
        assert!(calls(r#"{"jsonrpc":"2.0","method":"status"}"#).0[0].id.is_none());
        assert_eq!(calls(r#"{"jsonrpc":"2.0","id":null,"method":"status"}"#).0[0].id, Some(Id::Null));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":{},"method":"status"}"#).0, INVALID_REQUEST_CODE);
        for id in [r#""\ud800""#, "-5", "1.5"] {
            let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"send","params":{{"who":"bob","text":"x"}}}}"#);
            assert_eq!(refused(&call).0, INVALID_REQUEST_CODE, "{id}");
        }
        assert_eq!(refused(r#"{"id":1,"method":"status"}"#).0, INVALID_REQUEST_CODE);
        assert_eq!(refused("7").0, INVALID_REQUEST_CODE);
        assert_eq!(refused("[]").0, INVALID_REQUEST_CODE);
    }

    #[test]
    fn a_batch_is_its_calls_in_order() {
        let (calls, is_batch) = calls(r#"[{"jsonrpc":"2.0","id":"a","method":"status"},3]"#);
        assert!(is_batch && calls.len() == 2 && calls[0].what.is_ok() && calls[1].what.is_err());
        assert_eq!(refused(&format!("[{}1]", "1,".repeat(BATCH_MAX))).0, INVALID_REQUEST_CODE);
    }

    #[test]
    fn what_is_mistyped_is_named_with_what_was_meant() {
        let ask = |method: &str, params: &str| {
            refused(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
        };
        let (code, why) = ask("contact_ad", "{}");
        assert!(code == METHOD_NOT_FOUND_CODE && why.contains("\"contact_add\""), "{why}");
        let (code, why) = ask("send", r#"{"who":"bob","txt":"hi"}"#);
        assert!(code == INVALID_PARAMS_CODE && why.contains("did you mean \"text\""), "{why}");
        let (code, why) = ask("send", r#"{"who":"bob"}"#);
        assert!(code == INVALID_PARAMS_CODE && why.contains("missing field `text`"), "{why}");
        assert_eq!(ask("send", r#"["bob","hi"]"#).0, INVALID_PARAMS_CODE);
        // Names of the engine's own protocol that are none here.
        for method in ["unknown", "stop", "do", ""] {
            assert_eq!(ask(method, "{}").0, METHOD_NOT_FOUND_CODE, "{method}");
        }
        assert_eq!(ask("status", r#"{"do":"stop"}"#).0, INVALID_PARAMS_CODE);
    }

    #[test]
    fn an_error_has_a_stable_word_and_what_helps() {
        let failure = Error::new(crate::Code::NoSuchContact, "there is no contact \"bob\"").with_remedy("look");
        let said = serde_json::to_value(answer(Id::Number(1), Err(failed(&failure)))).unwrap();
        assert_eq!(
            said,
            json!({ "jsonrpc": "2.0", "id": 1, "error": {
                "code": -32000, "message": "there is no contact \"bob\"",
                "data": { "code": "no_such_contact", "remedy": "look" },
            } })
        );
    }
}
