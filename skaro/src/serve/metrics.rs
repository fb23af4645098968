//! Metrics for Prometheus, and whether the server is alive and ready, over HTTP at a separate address.

use std::convert::Infallible;
use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use skaro_proto::server::{Histogram, Stats};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::places;
use super::running::Running;

/// Time for a request to arrive.
const HEADERS: Duration = Duration::from_secs(2);

/// Time for a request and its answer.
const EXCHANGE: Duration = Duration::from_secs(10);

/// Duration of an operation after which the server no longer counts as ready.
const TOO_SLOW: Duration = Duration::from_secs(10);

/// Content type of the metrics (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers requests. Never ends.
pub(crate) async fn serve(listener: Option<&TcpListener>, running: &Running) {
    match listener {
        Some(listener) => {
            let accept = async || Ok(listener.accept().await?.0);
            let converse = async |stream, leave| {
                // An error means that the client has gone away.
                tokio::select! {
                    _ = timeout(EXCHANGE, exchange(stream, running)) => (),
                    _ = leave => (),
                }
            };
            places::serve(accept, converse).await;
        }
        None => std::future::pending().await,
    }
}

async fn exchange(stream: TcpStream, running: &Running) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(running, request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS).keep_alive(false).max_buf_size(16 << 10);
    http.serve_connection(TokioIo::new(stream), service).await
}

fn respond(running: &Running, method: &Method, path: &str) -> Response<String> {
    let plain = |status, text: &str| answer(status, "text/plain; charset=utf-8", format!("{text}\n"));
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET only");
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => {
            let commits = running.commits.lock().unwrap_or_else(PoisonError::into_inner).clone();
            answer(StatusCode::OK, TEXT, written(running.server.with(|machine, _| machine.stats()), commits))
        }
        // This needs the machine's lock, so there is no answer while a thread holds the lock for ever.
        "/alive" => running.server.with(|_, _| plain(StatusCode::OK, "alive")),
        "/ready" => {
            let (is_ending, wait) =
                running.server.with(|machine, _| (machine.is_shutting_down(), machine.stats().longest_wait));
            match (is_ending, wait > TOO_SLOW) {
                (true, _) => plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
                (false, true) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
                (false, false) => plain(StatusCode::OK, "ready"),
            }
        }
        _ => plain(StatusCode::NOT_FOUND, "/metrics, /alive and /ready are here"),
    }
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Returns the text for Prometheus.
fn written(stats: Stats, commits: Histogram) -> String {
    let mut registry = Registry::with_prefix("skaro");
    registry.register_collector(Box::new(Numbers { stats, commits }));
    let mut text = String::new();
    // Writing to a string can't fail.
    _ = text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Numbers {
    stats: Stats,
    commits: Histogram,
}

impl Collector for Numbers {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Numbers { stats, commits } = self;
        for (name, help, value) in [
            ("connections", "Connections, opening and closing ones included", stats.connections),
            ("connections_signed_in", "Connections on which somebody is signed in", stats.signed_in),
            ("users_online", "Users who are signed in", stats.users),
            ("store_operations_open", "Operations of the store that are under way", stats.open_operations),
        ] {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            metric.encode_gauge(&(value as i64))?;
        }
        let (name, help) = ("store_longest_wait_seconds", "Time for which the oldest operation is under way");
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        metric.encode_gauge(&stats.longest_wait.as_secs_f64())?;
        let mut metric =
            to.encode_descriptor("memory_bytes", "Estimate, by kind", None, MetricType::Gauge)?;
        for (kind, bytes) in &stats.memory {
            metric.encode_family(&[("kind", *kind)])?.encode_gauge(&(*bytes as i64))?;
        }
        count(&mut to, "connections_accepted", "Connections that were accepted", stats.accepted)?;
        let mut metric = to.encode_descriptor(
            "connections_refused",
            "Connections that were not accepted",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in &stats.not_accepted {
            count_one(&mut metric, &[("reason", *reason)], *count)?;
        }
        let (name, help) = ("connections_closed", "Connections that the server has closed, by code");
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (code, count) in &stats.closed {
            count_one(&mut metric, &[("code", code.to_string())], *count)?;
        }
        let (name, help) =
            ("requests", "Requests that were answered, by status: 200 is success, all else refused");
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (request, status, count) in &stats.answers {
            let labels = [("request", (*request).to_owned()), ("status", status.to_string())];
            count_one(&mut metric, &labels, *count)?;
        }
        let messages =
            stats.answers.iter().find(|(kind, status, _)| (*kind, *status) == ("send_message", 200));
        let messages = messages.map_or(0, |(_, _, count)| *count);
        count(&mut to, "messages", "Messages that were accepted", messages)?;
        let (name, help) = ("store_seconds", "Time from asking the store until it is durable, by request");
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (request, times) in &stats.store_times {
            let (bounds, total) = classes(times);
            let labels = [("request", *request)];
            let mut metric = metric.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(times.sum().as_secs_f64(), total, &bounds, None)?;
        }
        let (name, help) =
            ("store_commit_seconds", "Time of the store's transactions, each of many operations");
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let (bounds, total) = classes(commits);
        metric.encode_histogram::<NoLabelSet>(commits.sum().as_secs_f64(), total, &bounds, None)
    }
}

fn count(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, count: u64) -> fmt::Result {
    let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    metric.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

fn count_one(metric: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, count: u64) -> fmt::Result {
    metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

/// Returns the count of each class with its upper bound in seconds, and the total count.
fn classes(times: &Histogram) -> (Vec<(f64, u64)>, u64) {
    let bounds = Histogram::BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
    (bounds.zip(times.counts().iter().copied()).collect(), times.counts().iter().sum())
}
