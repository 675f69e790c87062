//! A request becomes an answer. No sockets here.

use std::cell::RefCell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::metrics;
use crate::observer::Observer;
use crate::status::Status;

/// However often somebody asks, the shards are asked once in this time.
const FRESH_FOR: Duration = Duration::from_secs(1);
const PLAIN: &str = "text/plain; charset=utf-8";
const INDEX: &str = "pirushkad\n\n/metrics  totals for Prometheus\n/healthz  whether its loop turns\n/readyz   whether it takes messages\n";

/// What is served, to whom.
#[derive(Debug)]
pub(super) struct Pages {
    observer: Observer,
    /// Names that a request may be addressed to, beside addresses and localhost.
    names: Vec<String>,
    last: RefCell<Option<(Instant, Option<Status>)>>,
}

impl Pages {
    pub(super) fn new(observer: Observer, names: Vec<String>) -> Self {
        Self { observer, names, last: RefCell::new(None) }
    }

    /// The answer to a request, whose body is never looked at.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<String> {
        if !self.is_for_us(request) {
            let text = "this name is not served here; ask for 127.0.0.1 or localhost\n";
            return page(StatusCode::MISDIRECTED_REQUEST, PLAIN, text.into());
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut answer = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "there is only GET here\n".into());
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/" => page(StatusCode::OK, PLAIN, INDEX.into()),
            "/metrics" => metrics(self.status().as_ref()),
            "/healthz" => health(self.status().as_ref()),
            "/readyz" => readiness(self.status().as_ref()),
            _ => page(StatusCode::NOT_FOUND, PLAIN, format!("there is no such page\n\n{INDEX}")),
        }
    }

    /// A web page on some server may let its own name lead to 127.0.0.1 and have its visitor's browser ask us (DNS
    /// rebinding). The browser then names that server in `Host`. An address in its place cannot be led elsewhere.
    fn is_for_us<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let named = host.to_str().ok().and_then(|host| host.parse().ok());
        let Some(named): Option<hyper::http::uri::Authority> = named else { return false };
        let in_target = request.uri().host();
        self.serves(named.host()) && in_target.is_none_or(|host| self.serves(host))
    }

    fn serves(&self, host: &str) -> bool {
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_name = |name: &str| host.trim_end_matches('.').eq_ignore_ascii_case(name);
        is_address || is_name("localhost") || self.names.iter().any(|name| is_name(name))
    }

    fn status(&self) -> Option<Status> {
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((at, status)) if at.elapsed() < FRESH_FOR => status.clone(),
            _ => last.insert((Instant::now(), self.observer.status())).1.clone(),
        }
    }
}

fn metrics(status: Option<&Status>) -> Response<String> {
    let Some(status) = status else { return stands_still() };
    match metrics::text(status) {
        Ok(text) => page(StatusCode::OK, metrics::MEDIA_TYPE, text),
        Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
    }
}

fn health(status: Option<&Status>) -> Response<String> {
    if status.is_some() { page(StatusCode::OK, PLAIN, "ok\n".into()) } else { stands_still() }
}

fn readiness(status: Option<&Status>) -> Response<String> {
    match status {
        Some(status) if status.draining => {
            page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "stopping: no messages are taken any more\n".into())
        }
        Some(_) => page(StatusCode::OK, PLAIN, "ok\n".into()),
        None => stands_still(),
    }
}

fn stands_still() -> Response<String> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        PLAIN,
        "the peer's loop does not answer: it is drowning, or has ended\n".into(),
    )
}

fn page(code: StatusCode, media_type: &'static str, text: String) -> Response<String> {
    let mut answer = Response::new(text);
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::made_up;

    /// Pages of a peer whose last snapshot is this one.
    fn pages(status: Option<Status>) -> Pages {
        let fixed = crate::status::tests::fixed();
        let pages = Pages::new(Observer::new(Vec::new(), fixed), vec!["peer.example".into()]);
        pages.last.replace(Some((Instant::now() + Duration::from_secs(3_600), status)));
        pages
    }

    fn ask(pages: &Pages, method: &str, path: &str, hosts: &[&str]) -> (u16, String) {
        let request = hosts.iter().fold(Request::builder().method(method).uri(path), |r, host| r.header("Host", *host));
        let answer = pages.answer(&request.body(()).unwrap());
        (answer.status().as_u16(), answer.into_body())
    }

    #[test]
    fn each_page_says_what_it_is_for() {
        let serving = pages(Some(made_up()));
        let get = |path| ask(&serving, "GET", path, &["127.0.0.1:7118"]);
        assert_eq!(get("/healthz"), (200, "ok\n".into()));
        assert_eq!(get("/readyz"), (200, "ok\n".into()));
        assert!(get("/metrics").1.contains("pirushkad_users 30\n"));
        assert_eq!(get("/").0, 200);
        assert_eq!(get("/metrics/").0, 404);
        assert_eq!(ask(&serving, "HEAD", "/healthz", &["localhost"]).0, 200);
        assert_eq!(ask(&serving, "POST", "/metrics", &["localhost"]).0, 405);
    }

    #[test]
    fn a_stopping_peer_is_healthy_and_not_ready_and_one_that_does_not_answer_is_neither() {
        let stopping = pages(Some(Status { draining: true, ..made_up() }));
        assert_eq!(ask(&stopping, "GET", "/healthz", &["localhost"]).0, 200);
        assert_eq!(ask(&stopping, "GET", "/readyz", &["localhost"]).0, 503);
        let stuck = pages(None);
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(ask(&stuck, "GET", path, &["localhost"]).0, 503, "{path}");
        }
    }

    #[test]
    fn a_name_that_somebody_else_can_lead_here_gets_nothing() {
        let serving = pages(Some(made_up()));
        for host in
            ["127.0.0.1", "127.0.0.1:7118", "[::1]:7118", "localhost", "LOCALHOST:1", "peer.example:7118", "10.0.0.7"]
        {
            assert_eq!(ask(&serving, "GET", "/metrics", &[host]).0, 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "evil.example:7118"]
        {
            let (code, text) = ask(&serving, "GET", "/metrics", &[host]);
            assert_eq!(code, 421, "{host}");
            assert!(!text.contains("pirushkad_"), "{host}");
        }
        assert_eq!(ask(&serving, "GET", "/metrics", &[]).0, 421);
        assert_eq!(ask(&serving, "GET", "/metrics", &["localhost", "evil.example"]).0, 421);
        assert_eq!(ask(&serving, "GET", "http://evil.example/metrics", &["localhost"]).0, 421);
    }
}
