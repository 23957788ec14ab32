//! Requests to a tracking server.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ureq::Agent;
use ureq::http::Response;

use super::names::percent;
use super::place::Address;

/// The longest that connecting, and a whole request, may take. A request that took longer is asked after before it is made again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const LONGEST_ANSWER: u64 = 16 << 20;

/// Why a request did not do what it was to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no answer, or the server is out of order: it may go better later. What was asked for may have been done.
    Away(String),
    /// The server does not take this, now or later.
    Refused(String),
    /// There is no such thing.
    Missing(String),
    /// It takes nothing from us at all.
    Denied(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Away(words) | Self::Refused(words) | Self::Missing(words) | Self::Denied(words)) = self;
        f.write_str(words)
    }
}

pub(super) struct Client {
    agent: Agent,
    /// As `http://host:5000/api/2.0/mlflow/`.
    base: String,
    /// The header that says who asks.
    authorization: Option<String>,
}

impl Client {
    /// Who asks is said by the address, else by MLflow's own variables of the environment.
    pub(super) fn new(address: &Address) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A header that says who asks goes to nobody else.
            .max_redirects(0)
            .user_agent(concat!("tunefork/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT));
        if address.is_this_machine() {
            // No proxy on the way from this machine to itself.
            config = config.proxy(None);
        }
        let base = format!("{}/api/2.0/mlflow/", address.base());
        Self { agent: config.build().into(), base, authorization: authorization(address) }
    }

    pub(super) fn post(&self, path: &str, body: &Json) -> Result<Json, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.base)).header("Content-Type", "application/json");
        if let Some(who) = &self.authorization {
            request = request.header("Authorization", who);
        }
        answer(request.send(body.to_string()))
    }

    pub(super) fn get(&self, path: &str, name: &str, value: &str) -> Result<Json, Failure> {
        let mut request = self.agent.get(format!("{}{path}?{name}={}", self.base, percent(value, "")));
        if let Some(who) = &self.authorization {
            request = request.header("Authorization", who);
        }
        answer(request.call())
    }

    /// The experiment of this name, which is made if there is none.
    pub(super) fn experiment(&self, name: &str) -> Result<String, Failure> {
        match self.get("experiments/get-by-name", "experiment_name", name) {
            Ok(found) => text(&found["experiment"], "experiment_id"),
            Err(Failure::Missing(_)) => {
                text(&self.post("experiments/create", &json!({ "name": name }))?, "experiment_id")
            }
            Err(failure) => Err(failure),
        }
    }

    /// The run of an experiment that has this tag.
    pub(super) fn find_run(&self, experiment: &str, tag: &str, value: &str) -> Result<Option<String>, Failure> {
        let filter = format!("tags.`{tag}` = '{value}'");
        let asked = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.post("runs/search", &asked)?;
        let run = found["runs"].get(0).map(|run| text(&run["info"], "run_id"));
        run.transpose()
    }
}

/// A text that an answer must have.
pub(super) fn text(answer: &Json, name: &str) -> Result<String, Failure> {
    let text = answer[name].as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Denied(format!("it does not answer as an MLflow server does: there is no `{name}`")))
}

fn answer(response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Json, Failure> {
    let mut response = response.map_err(|error| Failure::Away(words(&error)))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
    let body = body.map_err(|error| Failure::Away(words(&error)))?;
    let json: Option<Json> = serde_json::from_str(&body).ok();
    match status.as_u16() {
        200..300 => json.ok_or_else(|| Failure::Denied("it does not answer as an MLflow server does".to_owned())),
        401 | 403 => Err(Failure::Denied(format!(
            "it answers {status}; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, say \
             who asks"
        ))),
        408 | 425 | 429 | 500.. => Err(Failure::Away(format!("it answers {status}"))),
        _ => {
            let json = json.unwrap_or_default();
            let (code, message) = (json["error_code"].as_str(), json["message"].as_str().unwrap_or_default());
            let message: String = message.chars().take(200).collect();
            Err(match code {
                None => Failure::Denied(format!("it answers {status}, not as an MLflow server does")),
                Some("RESOURCE_DOES_NOT_EXIST") => Failure::Missing(message),
                Some(code) => Failure::Refused(format!("{code}: {message}")),
            })
        }
    }
}

fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn authorization(address: &Address) -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let basic = |user: &str, password: &str| format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
    if let Some((user, password)) = address.user() {
        return Some(basic(user, password));
    }
    match (variable("MLFLOW_TRACKING_USERNAME"), variable("MLFLOW_TRACKING_PASSWORD")) {
        (Some(user), Some(password)) => Some(basic(&user, &password)),
        _ => variable("MLFLOW_TRACKING_TOKEN").map(|token| format!("Bearer {token}")),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0, |bits, (place, byte)| bits | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 4648.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
