//! Providers that do what they are asked, or do not, and do not always say which. Each looks at
//! the moment of a call whether the call is in the log and in the trail, as it has to be before it is made.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse::egress::OutboundRequest;
use http::Method;
use serde_json::{Value, json};

use super::super::aws::Aws;
use super::super::canary::CANARY;
use super::super::dice::Dice;
use super::super::servers::{Plain, Reply, Serve};

/// The header by which a provider recognises a repetition, if it does.
pub(crate) const REPETITION: &str = "x-repetition";

/// One provider, of one integration.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) aws: Aws,
    pub(crate) dice: Dice,
    /// The key that it was given.
    pub(crate) key: String,
    /// What its answers hold, and no other's.
    pub(crate) mark: String,
    pub(crate) recognises: bool,
    /// One of so many answers goes wrong; 0: none.
    pub(crate) fails_one_in: u64,
    /// How often it has done what a `POST` of a path asks for.
    pub(crate) effects: BTreeMap<String, usize>,
    /// By path: what the repetitions of a `POST` were recognised by.
    pub(crate) repetitions: BTreeMap<String, String>,
    pub(crate) calls: usize,
    /// What should not have been.
    pub(crate) complaints: Vec<String>,
}

impl Provider {
    /// What a `GET` of a path is answered.
    pub(crate) fn shown(&self, path: &str) -> Value {
        json!({"path": path, "of": self.mark, "text": format!("{CANARY}answer")})
    }

    fn reply(&mut self, method: &Method, path: &str, repetition: Option<&str>) -> Reply {
        self.calls += 1;
        let goes_wrong = self.dice.one_in(self.fails_one_in);
        let never = Reply::Whole(Duration::from_secs(120), Plain::status(200));
        // Something is wrong before anything is done.
        if goes_wrong && self.dice.one_in(2) {
            return match self.dice.below(4) {
                0 => Plain::json(503, &json!({"error": "down"})).soon(),
                1 => {
                    let seconds = self.dice.below(4).to_string();
                    Plain::status(429).with("retry-after", seconds).soon()
                }
                2 => Reply::Unreachable,
                _ => never,
            };
        }
        let answer = if method == Method::GET {
            self.shown(path)
        } else {
            self.take(path, repetition);
            json!({"done": path, "of": self.mark})
        };
        match (goes_wrong, self.dice.below(4)) {
            (true, 0) => never,
            (true, 1) => Reply::Cut,
            (true, 2) => Reply::Broken,
            (true, _) => Plain::json(500, &json!({"error": "it broke over it"})).soon(),
            (false, _) => Reply::Whole(self.dice.millis(2_000), Plain::json(200, &answer)),
        }
    }

    fn take(&mut self, path: &str, repetition: Option<&str>) {
        if !self.recognises {
            *self.effects.entry(path.to_owned()).or_default() += 1;
            return;
        }
        let Some(repetition) = repetition else {
            let complaint = format!("{path} came without {REPETITION}");
            self.complaints.push(complaint);
            return;
        };
        let known = self.repetitions.get(path);
        if known.is_none_or(|known| known != repetition) {
            *self.effects.entry(path.to_owned()).or_default() += 1;
            self.repetitions
                .insert(path.to_owned(), repetition.to_owned());
        }
    }

    /// Complains if a call is not in the log, or not in the trail.
    fn look_for_records(&mut self, path: &str) {
        let logged = self.aws.written_with(&format!("{{\"S\":\"{path}\"}}"));
        let ids: Vec<&str> = logged.iter().filter_map(|body| id_in(body)).collect();
        if ids.is_empty() {
            self.complaints
                .push(format!("{path} is called, and is not in the log"));
        }
        let uses = self.aws.written_with("credential.use");
        let is_recorded = |id: &&str| uses.iter().any(|body| body.contains(id));
        if !ids.iter().any(is_recorded) {
            self.complaints.push(format!(
                "{path} is called, and is not in the trail: {ids:?}"
            ));
        }
    }
}

/// The id of the call that an item of the log is of.
fn id_in(body: &str) -> Option<&str> {
    let at = body.find("req_")?;
    body.get(at..at + 30)
}

impl Serve for Provider {
    fn serve(&mut self, path: &str, request: &OutboundRequest) -> Reply {
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        let given = header("authorization").unwrap_or_default();
        if given != format!("Bearer {}", self.key) {
            self.complaints
                .push(format!("{path} came with another's key"));
        }
        self.look_for_records(path);
        self.reply(&request.method, path, header(REPETITION))
    }
}
