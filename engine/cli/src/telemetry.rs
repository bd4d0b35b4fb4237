//! Logs on standard error, and spans to a collector where the operator names one. Set up before the asynchronous runtime and
//! taken down after it: the exporter has a thread and a blocking client of its own, which must not live within it.

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::failure::{Failure, chain};

/// Either names the collector; the exporter reads them itself, with all other variables of the OpenTelemetry specification.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Held while the program runs; sends the last spans when it is dropped.
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.spans.take().map(|spans| spans.shutdown()) {
            crate::output::note(&format!("the last spans were not sent: {error}"));
        }
    }
}

/// Starts the log as `CLAWBACK_LOG`, `CLAWBACK_LOG_FORMAT` or `verbose` define it, and the export of spans as `OTEL_…` defines it. The
/// log of a `node` always contains the notifications of notifiers of kind `log`.
pub(crate) fn start(verbose: u8, node: bool) -> Result<Telemetry, Failure> {
    let level = ["warn", "info", "debug"][usize::from(verbose.min(2))];
    // A command prints the error that the API in its process answers with; a node logs it.
    let more = match (node, verbose) {
        (true, _) => ",clawback::notice=info",
        (false, 0) => ",clawback_action_center::problem=off",
        (false, _) => "",
    };
    let wanted = EnvFilter::try_from_env("CLAWBACK_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,clawback={level}{more}")));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match std::env::var("CLAWBACK_LOG_FORMAT").as_deref() {
        Ok("json") => lines.json().with_filter(wanted).boxed(),
        Ok("text") | Err(_) => lines.with_filter(wanted).boxed(),
        Ok(other) => {
            return Err(Failure::misuse(format!("CLAWBACK_LOG_FORMAT is `{other}`; write `json` or `text`")));
        }
    };
    let spans = if ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some()) { Some(exporting()?) } else { None };
    let traces = spans.as_ref().map(|spans| {
        // Only our own spans, and of the events in them only what may be logged at info.
        let ours = Targets::new().with_target("clawback", LevelFilter::INFO);
        tracing_opentelemetry::layer().with_tracer(spans.tracer("clawback")).with_filter(ours)
    });
    tracing_subscriber::registry().with(lines).with(traces).init();
    Ok(Telemetry { spans })
}

fn exporting() -> Result<SdkTracerProvider, Failure> {
    let exporter = SpanExporter::builder().with_http().build().map_err(|error| {
        Failure::misuse(format!("spans cannot be exported: {}", chain(&error)))
            .hint("OTEL_EXPORTER_OTLP_ENDPOINT is a URL such as http://127.0.0.1:4318; unset it to export nothing")
    })?;
    let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("clawback");
    }
    Ok(SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Work)))
        .with_resource(resource.build())
        .with_batch_exporter(exporter)
        .build())
}

/// Samples traces that begin with work. The queries of an idle node are not exported.
#[derive(Debug, Clone)]
struct Work;

impl ShouldSample for Work {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace: TraceId,
        name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let decision =
            if name.starts_with("store.") { SamplingDecision::Drop } else { SamplingDecision::RecordAndSample };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::default() }
    }
}
