//! Requests to OpenAI-compatible endpoints: keys, rate limits, timeouts, and retries with back-off.

use std::{
    fmt,
    io::{BufRead, BufReader},
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use backon::{BlockingRetryable, ExponentialBuilder};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock};
use serde::Serialize;
use ureq::{Agent, http::StatusCode};

use crate::{Error, Result};

/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Where a model answers, and how it may be asked.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The start of its addresses, such as `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// What proves that we may ask.
    pub key: Option<Key>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Most requests in a minute.
    pub per_minute: Option<NonZeroU32>,
    /// Longest time for one request, its answer included.
    pub timeout: Duration,
    /// Attempts beyond the first, for what may pass: 408, 429, 5xx, time-outs, cut and malformed answers.
    pub retries: usize,
    /// The wait before the first of them; it doubles from one to the next.
    pub back_off: Duration,
}

impl EndpointConfig {
    /// An endpoint with the usual limits: four requests at once, two minutes each, five retries from one second.
    pub fn new(url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            url: url.into().trim_end_matches('/').to_owned(),
            model: model.into(),
            key: None,
            concurrency: 4,
            per_minute: None,
            timeout: Duration::from_secs(120),
            retries: 5,
            back_off: Duration::from_secs(1),
        }
    }
}

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The value of an environment variable.
    ///
    /// # Errors
    /// [`Error::Input`] when it is not set, or is empty or not fit for a header.
    ///
    /// ```
    /// use recgoat_semantics::Key;
    /// let message = Key::from_environment("RECGOAT_NO_SUCH_KEY").unwrap_err().to_string();
    /// assert_eq!(message, "environment variable RECGOAT_NO_SUCH_KEY: expected the endpoint's key, found nothing");
    /// ```
    pub fn from_environment(variable: &str) -> Result<Self> {
        let place = format!("environment variable {variable}");
        let value = std::env::var(variable).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(Error::input(place, "the endpoint's key", "nothing"));
        }
        if !value.trim().chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::input(place, "printable ASCII without spaces", "other characters"));
        }
        Ok(Self(value.trim().to_owned()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Why an answer is no answer.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It may pass; after this time where the server says so.
    Passing(String, Option<Duration>),
    /// It stays.
    Lasting(String),
}

impl Problem {
    pub(crate) fn passing(problem: impl Into<String>) -> Self {
        Self::Passing(problem.into(), None)
    }
}

/// Asks one endpoint.
#[derive(Debug)]
pub(crate) struct Client {
    config: EndpointConfig,
    agent: Agent,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Client {
    pub(crate) fn new(config: EndpointConfig) -> Result<Self> {
        if !config.url.starts_with("http://") && !config.url.starts_with("https://") {
            return Err(Error::input(
                "endpoint",
                "an address that starts with http:// or https://",
                config.url,
            ));
        }
        if config.model.is_empty() {
            return Err(Error::input("endpoint", "the name of a model, as in http://HOST/v1#MODEL", "none"));
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(config.timeout))
            .http_status_as_error(false)
            .user_agent(concat!("recgoat/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let limiter = config.per_minute.map(|most| RateLimiter::direct(Quota::per_minute(most)));
        Ok(Self { config, agent, limiter })
    }

    pub(crate) fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// Posts `body` to the address below the endpoint's; what `read` makes of the answer, and the retries it took.
    pub(crate) fn post<T>(
        &self,
        address: &str,
        body: &impl Serialize,
        read: impl Fn(&mut dyn BufRead) -> Result<T, Problem>,
    ) -> Result<(T, usize)> {
        let url = format!("{}/{address}", self.config.url);
        let attempts = AtomicUsize::new(0);
        let attempt = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            self.attempt(&url, body, &read)
        };
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.config.back_off)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(self.config.retries)
            .with_jitter();
        let outcome = attempt
            .retry(waits)
            .when(|problem| matches!(problem, Problem::Passing(..)))
            .notify(|problem, wait| {
                if let Problem::Passing(_, Some(asked)) = problem {
                    std::thread::sleep((*asked).min(LONGEST_WAIT).saturating_sub(wait));
                }
            })
            .call();
        let attempts = attempts.into_inner();
        match outcome {
            Ok(answer) => Ok((answer, attempts - 1)),
            Err(Problem::Passing(problem, _) | Problem::Lasting(problem)) => {
                Err(Error::Endpoint { url, problem, attempts })
            }
        }
    }

    fn attempt<T>(
        &self,
        url: &str,
        body: &impl Serialize,
        read: impl Fn(&mut dyn BufRead) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.wait_for_turn();
        let mut request = self.agent.post(url);
        if let Some(Key(key)) = &self.config.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = request.send_json(body).map_err(|error| Problem::passing(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return read(&mut BufReader::new(response.body_mut().as_reader()));
        }
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let after = after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let said = response.body_mut().read_to_string().unwrap_or_default();
        let problem = format!("answered {status}{}", told(&said));
        Err(match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Problem::Passing(problem, after),
            _ if status.is_server_error() => Problem::Passing(problem, after),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.config.key.is_none() => {
                Problem::Lasting(format!(
                    "{problem}; name the environment variable that holds a key with --key-variable"
                ))
            }
            _ => Problem::Lasting(problem),
        })
    }

    fn wait_for_turn(&self) {
        let Some(limiter) = &self.limiter else { return };
        while let Err(early) = limiter.check() {
            std::thread::sleep(early.wait_time_from(limiter.clock().now()));
        }
    }
}

/// The message of an error's body, on one short line.
fn told(body: &str) -> String {
    const SHOWN: usize = 200;
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let message = value["error"]["message"].as_str().or_else(|| value["message"].as_str());
    let line: String = message.unwrap_or(body).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { line } else { format!(": {}", line.chars().take(SHOWN).collect::<String>()) }
}
