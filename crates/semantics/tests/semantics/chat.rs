//! The client of chat completions against a mock server.

use std::time::Duration;

use recgoat_semantics::{
    Cache, EndpointConfig, Error, Key, Silent,
    generate::{ChatEndpoint, Completion, End, Generator, Prompt, Sampling},
    write_all,
};
use tokio::runtime::Runtime;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_partial_json, header, method, path},
};

/// A server on this machine, with the runtime that runs it.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) server: MockServer,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(MockServer::start());
        Self { runtime, server }
    }

    /// From now on, but after what was asked for before, so often.
    pub(crate) fn answer(&self, response: ResponseTemplate, times: u64) {
        let mock = Mock::given(method("POST")).respond_with(response).up_to_n_times(times);
        self.runtime.block_on(mock.mount(&self.server));
    }

    pub(crate) fn requests(&self) -> usize {
        self.runtime.block_on(self.server.received_requests()).unwrap().len()
    }

    pub(crate) fn config(&self) -> EndpointConfig {
        EndpointConfig {
            back_off: Duration::from_millis(5),
            timeout: Duration::from_millis(400),
            retries: 2,
            ..EndpointConfig::new(format!("{}/v1", self.server.uri()), "m")
        }
    }
}

const WHOLE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"They like \"}}]}\n\n\
                     : a comment\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"noir.\"},\"finish_reason\":\"stop\"}]}\n\n\
                     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";
const CUT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"They li\"}}]}\n\n";

fn stream(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/event-stream")
}

fn prompt() -> Prompt {
    Prompt { system: "be brief".into(), user: "who?".into() }
}

fn ask(config: EndpointConfig) -> Result<Completion, Error> {
    ChatEndpoint::new(config)?.generate(&prompt(), &Sampling::default())
}

#[test]
fn a_stream_is_put_together() {
    let server = Server::start();
    server.answer(stream(WHOLE), 1);
    let found = ask(server.config()).unwrap();
    assert_eq!((found.text.as_str(), found.end, found.retries), ("They like noir.", End::Stop, 0));
    assert_eq!((found.prompt_tokens, found.completion_tokens), (11, 4));
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let server = Server::start();
    let body = serde_json::json!({"choices": [{"message": {"content": "noir"}, "finish_reason": "length"}]});
    server.answer(ResponseTemplate::new(200).set_body_json(body), 1);
    let found = ask(server.config()).unwrap();
    assert_eq!((found.text.as_str(), found.end), ("noir", End::Length));
}

#[test]
fn the_request_says_all_that_it_should() {
    let server = Server::start();
    let body = serde_json::json!({
        "model": "m", "stream": true, "max_tokens": 128, "temperature": 0.0,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "who?"}],
    });
    // Set wherever the tests run, so that no test has to change the environment.
    let key = "HOME";
    let secret = std::env::var(key).unwrap();
    let mock = Mock::given(path("/v1/chat/completions"))
        .and(header("authorization", format!("Bearer {secret}").as_str()))
        .and(body_partial_json(body))
        .respond_with(stream(WHOLE));
    server.runtime.block_on(mock.mount(&server.server));
    let config = EndpointConfig { key: Some(Key::from_environment(key).unwrap()), ..server.config() };
    assert!(!format!("{config:?}").contains(&secret));
    ask(config).unwrap();
}

/// What passes is tried again and counted; each of these comes once, then the whole answer.
#[test]
fn what_passes_is_tried_again() {
    for passing in [
        ResponseTemplate::new(429).insert_header("retry-after", "0"),
        ResponseTemplate::new(500),
        ResponseTemplate::new(503).set_body_string("busy"),
        stream(WHOLE).set_delay(Duration::from_secs(2)),
        stream(CUT),
        stream("data: {\"choices\":[{\"delta\n\n"),
        stream("data: {\"error\":{\"message\":\"out of memory\"}}\n\n"),
        ResponseTemplate::new(200).set_body_string("<html>"),
    ] {
        let server = Server::start();
        server.answer(passing, 1);
        server.answer(stream(WHOLE), 1);
        let found = ask(server.config()).unwrap();
        assert_eq!((found.text.as_str(), found.retries), ("They like noir.", 1));
    }
}

#[test]
fn what_does_not_pass_ends_in_a_clear_error() {
    for (response, attempts, expected) in [
        (ResponseTemplate::new(429), 3, "answered 429 Too Many Requests"),
        (
            ResponseTemplate::new(500).set_body_string("{\"error\":{\"message\":\"no\\nmemory\"}}"),
            3,
            "Error: no memory",
        ),
        (stream(WHOLE).set_delay(Duration::from_secs(2)), 3, "timeout"),
        (stream(CUT), 3, "cut answer: the stream ended before the text did"),
        (ResponseTemplate::new(200).set_body_string("<html>"), 3, "expected JSON of a chat completion"),
        (ResponseTemplate::new(404), 1, "answered 404 Not Found"),
        (ResponseTemplate::new(401), 1, "name the environment variable that holds a key with --key-variable"),
    ] {
        let server = Server::start();
        server.answer(response, 10);
        let error = ask(server.config()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected) && !message.contains('\n'), "{message}");
        assert!(message.contains("/v1/chat/completions: "), "{message}");
        assert!(message.ends_with(&format!("({attempts} attempts)")), "{message}");
        assert_eq!(server.requests(), attempts);
    }
}

#[test]
fn nothing_that_was_not_whole_is_kept() {
    let server = Server::start();
    server.answer(stream(CUT), 10);
    let endpoint = ChatEndpoint::new(server.config()).unwrap();
    let cache = Cache::in_memory().unwrap();
    let sampling = Sampling::default();
    assert!(write_all(&endpoint, "v", &[Some(prompt())], &sampling, &cache, &Silent).is_err());
    assert_eq!(cache.completion(endpoint.name(), "v", &prompt(), &sampling).unwrap(), None);
}

#[test]
fn so_many_requests_a_minute_and_no_more() {
    let server = Server::start();
    server.answer(stream(WHOLE), 10);
    let config = EndpointConfig { per_minute: 1.try_into().ok(), ..server.config() };
    let endpoint = ChatEndpoint::new(config).unwrap();
    endpoint.generate(&prompt(), &Sampling::default()).unwrap();
    let second = std::thread::spawn(move || endpoint.generate(&prompt(), &Sampling::default()));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!second.is_finished());
    assert_eq!(server.requests(), 1);
}

#[test]
fn endpoints_that_cannot_be_are_refused_before_anything_is_sent() {
    for (url, model, expected) in [
        ("localhost:80/v1", "m", "an address that starts with http:// or https://"),
        ("http://localhost/v1", "", "the name of a model"),
    ] {
        let message = ChatEndpoint::new(EndpointConfig::new(url, model)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let nowhere = EndpointConfig {
        retries: 0,
        timeout: Duration::from_secs(2),
        ..EndpointConfig::new("http://127.0.0.1:9/v1", "m")
    };
    assert!(ask(nowhere).unwrap_err().to_string().starts_with("http://127.0.0.1:9/v1/chat/completions: "));
}
