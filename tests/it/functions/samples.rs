use std::collections::BTreeMap;

use e2e::Function;
use serde_json::Value;

/// A sample of `events/`, with its placeholders filled.
pub(super) fn sample(name: &str, fillings: &[(&str, &str)]) -> Value {
    let file = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let mut event: Value = serde_json::from_str(&text).unwrap();
    fill(&mut event, fillings);
    event
}

/// Fills the placeholders in every text, however deep.
fn fill(value: &mut Value, fillings: &[(&str, &str)]) {
    match value {
        Value::String(text) => {
            for (placeholder, filling) in fillings {
                *text = text.replace(placeholder, filling);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fill(value, fillings)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill(value, fillings)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a function answers to API Gateway.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u64,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    /// Hands an event of API Gateway's to a function.
    pub(super) async fn of(function: &Function, event: &Value) -> Self {
        let answer = function.invoke(event).await.unwrap();
        // Payload version 1.0 has them as lists only.
        let mut headers = BTreeMap::new();
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            headers.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
        for (name, values) in answer["multiValueHeaders"]
            .as_object()
            .into_iter()
            .flatten()
        {
            headers.insert(name.clone(), values[0].as_str().unwrap().to_owned());
        }
        assert_eq!(answer["isBase64Encoded"], false, "{answer}");
        Self {
            status: answer["statusCode"].as_u64().unwrap(),
            headers,
            body: answer["body"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// A field of what was made.
    pub(super) fn made(&self, field: &str) -> String {
        assert_eq!(self.status, 201, "{self:?}");
        self.json()[field].as_str().unwrap().to_owned()
    }

    /// The status and the code of a problem.
    pub(super) fn problem(&self) -> (u64, String) {
        let media_type = self.headers.get("content-type").map(String::as_str);
        assert_eq!(media_type, Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}
