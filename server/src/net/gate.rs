//! The gate of both addresses: refuses requests for their host or origin, and counts and logs all
//! refusals.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use hyper::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
        ALLOW, CONNECTION, HeaderValue, ORIGIN, VARY,
    },
};

use super::{
    answer::{Answer, text},
    peer::Peer,
    refusal_log::RefusalLog,
    request::{host, origin},
};
use crate::{
    audit::AuditLog,
    metrics::{Metrics, RefusalReason},
    settings::{ServerSettings, site::Authority},
};

/// The methods of all paths but those of WebSockets.
pub(super) const READING: &str = "GET, HEAD, OPTIONS";

/// The methods of the paths of WebSockets.
pub(super) const HANDSHAKE: &str = "GET, OPTIONS";

/// The methods of the paths that a program posts to.
pub(super) const POSTING: &str = "POST, OPTIONS";

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The client.
    pub peer: Peer,
    /// The server's address at which the connection arrived; loopback for a Unix socket.
    pub local: SocketAddr,
    /// Whether it arrived with TLS.
    pub is_tls: bool,
}

/// The gate; see the module.
#[derive(Debug)]
pub(crate) struct Gate {
    settings: Arc<ServerSettings>,
    metrics: Arc<Metrics>,
    start: Instant,
    log: Mutex<RefusalLog>,
    /// The audit, if there is one.
    audit: Option<Arc<AuditLog>>,
}

impl Gate {
    /// The gate of a server.
    pub(crate) fn new(settings: Arc<ServerSettings>, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            metrics,
            start: Instant::now(),
            log: Mutex::default(),
            audit: None,
        }
    }

    /// Tells an audit of refusals.
    pub(crate) fn with_audit(mut self, audit: Option<Arc<AuditLog>>) -> Self {
        self.audit = audit;
        self
    }

    /// Checks the host that a request names, and returns it.
    pub(super) fn host<B>(
        &self,
        request: &Request<B>,
        ends: Ends,
    ) -> Result<Option<Authority>, Box<Answer>> {
        let scheme = if ends.is_tls { "https" } else { "http" };
        let named = host::requested(request.version(), request.uri(), request.headers(), scheme);
        let checked = named.and_then(|named| {
            host::check(named.as_ref(), ends.local.ip(), &self.settings.hosts)?;
            Ok(named)
        });
        checked.map_err(|error| {
            let answer = self.refuse(RefusalReason::Host, ends, error.status(), error.to_string());
            // Another request of this connection would be to the same host.
            Box::new(closing(answer, request.version()))
        })
    }

    /// Checks the page that a request comes from, and returns its origin. `host` is the one that
    /// the request names.
    pub(super) fn origin<'a>(
        &self,
        headers: &'a HeaderMap,
        host: Option<&Authority>,
        ends: Ends,
    ) -> Result<Option<&'a HeaderValue>, Box<Answer>> {
        let (local, is_tls) = (ends.local, ends.is_tls);
        origin::check(headers, host, local, is_tls, &self.settings.origins).map_err(|error| {
            let (reason, status) = (RefusalReason::Origin, error.status());
            Box::new(self.refuse(reason, ends, status, error.to_string()))
        })
    }

    /// Refuses a method. `allow` lists the supported ones.
    pub(super) fn refuse_method(&self, ends: Ends, allow: &'static str) -> Answer {
        let reason = format!("the method is not supported here: use {allow}");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut answer = self.refuse(RefusalReason::Method, ends, status, reason);
        let allow = HeaderValue::from_static(allow);
        answer.headers_mut().insert(ALLOW, allow);
        answer
    }

    /// Counts and logs a refusal, and makes its answer.
    pub(super) fn refuse(
        &self,
        reason: RefusalReason,
        ends: Ends,
        status: StatusCode,
        message: impl Into<String>,
    ) -> Answer {
        let message = message.into();
        self.note(reason, ends.peer, &message);
        text(status, message)
    }

    /// Counts and logs a refusal.
    pub(super) fn note(&self, reason: RefusalReason, peer: Peer, message: &str) {
        self.metrics.refused.add(reason);
        if let Some(audit) = &self.audit {
            audit.refused(peer, reason.as_str(), message);
        }
        let count = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.note(reason, self.start.elapsed())
        };
        let Some(count) = count else {
            return;
        };
        let name = reason.as_str();
        match reason {
            // An operator may have to change a setting or a proxy.
            RefusalReason::Connections
            | RefusalReason::Descriptors
            | RefusalReason::Host
            | RefusalReason::Origin
            | RefusalReason::Handshake
            | RefusalReason::Preamble => {
                tracing::warn!(reason = name, count, %peer, "refused: {message}");
            }
            RefusalReason::Method
            | RefusalReason::Parameters
            | RefusalReason::Permission
            | RefusalReason::Token
            | RefusalReason::Ticket
            | RefusalReason::IdentityConnections
            | RefusalReason::AddressRequests
            | RefusalReason::IdentityRequests
            | RefusalReason::Body
            | RefusalReason::Publishes
            | RefusalReason::NotRecorded
            | RefusalReason::Draining => {
                tracing::debug!(reason = name, count, %peer, "refused: {message}");
            }
        }
    }
}

/// Has the connection end with this answer.
pub(super) fn closing(mut answer: Answer, version: Version) -> Answer {
    // To an answer of HTTP/1.1 hyper would add "keep-alive" if a client of HTTP/1.0 offers it.
    *answer.version_mut() = version;
    let close = HeaderValue::from_static("close");
    answer.headers_mut().append(CONNECTION, close);
    answer
}

/// Answers OPTIONS. `allow` lists the supported methods.
pub(super) fn options(allow: &'static str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let allow = HeaderValue::from_static(allow);
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// What a page may read besides what every page may: the headers that `docs/openapi.yaml` promises.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "retry-after, www-authenticate, tickcast-epoch, tickcast-position, tickcast-complete-from",
);

/// Adds the headers that let a page read an answer of `/v1/...` (Fetch Standard, section 3.3).
/// `origin` is the page's, after [`Gate::origin`].
pub(super) fn share(answer: &mut HeaderMap, origin: Option<&HeaderValue>) {
    answer.append(VARY, HeaderValue::from(ORIGIN));
    if let Some(origin) = origin {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Adds the headers for a page that asks what it may send (a preflight).
/// `methods` lists those that a page may use.
pub(super) fn share_preflight(
    method: &Method,
    methods: &'static str,
    request: &HeaderMap,
    answer: &mut HeaderMap,
) {
    if method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return;
    }
    // Libraries for event streams send two of these headers, and a publish the last one. A browser
    // asks about them first.
    let headers =
        HeaderValue::from_static("authorization, cache-control, last-event-id, content-type");
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http_body_util::BodyExt;
    use hyper::header::{AsHeaderName, HOST};

    use super::*;
    use crate::settings::site::{host_rule, origin_rule};

    fn ends() -> Ends {
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Ends {
            peer: Peer::tcp(at(40_000)),
            local: at(7400),
            is_tls: false,
        }
    }

    const PAGE: &str = "https://dash.example";

    fn gate() -> Gate {
        let settings = ServerSettings {
            hosts: vec![host_rule("dash.example").unwrap()],
            origins: vec![origin_rule(PAGE).unwrap()],
            ..ServerSettings::default()
        };
        Gate::new(Arc::new(settings), Arc::default())
    }

    /// The number of refusals for this reason, and for all others.
    fn refusals(gate: &Gate, reason: RefusalReason) -> (u64, u64) {
        let rows: Vec<_> = gate.metrics.refused.rows().collect();
        let all: u64 = rows.iter().map(|(_, count)| count).sum();
        let row = rows.iter().find(|(name, _)| *name == reason.as_str());
        let count = row.unwrap().1;
        (count, all - count)
    }

    fn body(answer: Answer) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let body = runtime.unwrap().block_on(answer.into_body().collect());
        String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()
    }

    fn header(answer: &Answer, name: impl AsHeaderName) -> Vec<&str> {
        let values = answer.headers().get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_request_for_another_host_is_refused_counted_and_ends_its_connection() {
        let gate = gate();
        let request = |version, host: &str| {
            let request = Request::builder().uri("/").header(HOST, host);
            request.version(version).body(()).unwrap()
        };
        let own = request(Version::HTTP_11, "dash.example:7400");
        let named = gate.host(&own, ends()).unwrap();
        assert_eq!(named, Authority::parse("dash.example:7400"));
        assert_eq!(refusals(&gate, RefusalReason::Host), (0, 0));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            let foreign = request(version, "evil.example");
            let answer = *gate.host(&foreign, ends()).unwrap_err();
            assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
            assert_eq!(answer.version(), version);
            assert_eq!(header(&answer, CONNECTION), ["close"]);
            assert!(body(answer).contains("evil.example"));
        }
        assert_eq!(refusals(&gate, RefusalReason::Host), (2, 0));
    }

    #[test]
    fn a_request_of_another_site_s_page_is_refused_and_counted() {
        let gate = gate();
        let headers = |origin| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let own = headers(PAGE);
        let named = gate.origin(&own, None, ends()).unwrap();
        assert_eq!(named, Some(&HeaderValue::from_static(PAGE)));
        assert_eq!(gate.origin(&HeaderMap::new(), None, ends()).unwrap(), None);
        assert_eq!(refusals(&gate, RefusalReason::Origin), (0, 0));
        let foreign = headers("https://evil.example");
        let answer = *gate.origin(&foreign, None, ends()).unwrap_err();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(body(answer).contains("https://evil.example"));
        assert_eq!(refusals(&gate, RefusalReason::Origin), (1, 0));
    }

    #[test]
    fn a_method_that_is_not_supported_is_refused_with_those_that_are() {
        let gate = gate();
        let answer = gate.refuse_method(ends(), READING);
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&answer, ALLOW), ["GET, HEAD, OPTIONS"]);
        assert!(body(answer).contains("use GET, HEAD, OPTIONS"));
        assert_eq!(refusals(&gate, RefusalReason::Method), (1, 0));
    }

    #[test]
    fn options_are_answered_with_the_methods() {
        let answer = options(HANDSHAKE);
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(header(&answer, ALLOW), ["GET, OPTIONS"]);
        assert_eq!(body(answer), "");
    }

    #[test]
    fn an_answer_is_shared_with_the_page_that_was_let_in_and_depends_on_it() {
        let page = HeaderValue::from_static(PAGE);
        for (origin, expected) in [(None, vec![]), (Some(&page), vec![PAGE])] {
            let mut answer = Answer::default();
            share(answer.headers_mut(), origin);
            assert_eq!(header(&answer, VARY), ["origin"]);
            assert_eq!(header(&answer, ACCESS_CONTROL_ALLOW_ORIGIN), expected);
            let exposed = header(&answer, ACCESS_CONTROL_EXPOSE_HEADERS);
            assert_eq!(exposed.len(), expected.len());
        }
    }

    #[test]
    fn a_page_may_read_each_header_that_the_description_promises() {
        let text = include_str!("../../assets/openapi.yaml");
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut lines = text.lines().peekable();
        let mut promised = Vec::new();
        while let Some(line) = lines.next() {
            let of = indent(line);
            while line.trim() == "headers:"
                && let Some(member) = lines.next_if(|member| indent(member) > of)
            {
                if indent(member) == of + 2 {
                    promised.push(member.trim().trim_end_matches(':').to_lowercase());
                }
            }
        }
        promised.sort();
        promised.dedup();
        let exposed = EXPOSED;
        let mut exposed: Vec<_> = exposed.to_str().unwrap().split(", ").collect();
        exposed.sort_unstable();
        assert_eq!(promised, exposed);
    }

    #[test]
    fn only_a_preflight_is_told_what_a_page_may_send() {
        let asks = HeaderMap::from_iter([(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("GET"),
        )]);
        let none = HeaderMap::new();
        for (method, request, is_told) in [
            (Method::OPTIONS, &asks, true),
            (Method::OPTIONS, &none, false),
            (Method::GET, &asks, false),
            (Method::GET, &none, false),
        ] {
            let mut answer = Answer::default();
            share_preflight(&method, "GET, HEAD", request, answer.headers_mut());
            let told = |name| header(&answer, name).concat();
            let (methods, headers, age) = match is_told {
                true => (
                    "GET, HEAD",
                    "authorization, cache-control, last-event-id, content-type",
                    "600",
                ),
                false => ("", "", ""),
            };
            assert_eq!(told(ACCESS_CONTROL_ALLOW_METHODS), methods, "{method}");
            assert_eq!(told(ACCESS_CONTROL_ALLOW_HEADERS), headers, "{method}");
            assert_eq!(told(ACCESS_CONTROL_MAX_AGE), age, "{method}");
        }
    }
}
