//! Metrics in the OpenMetrics text format, read from closures when they are scraped.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text::encode};
use prometheus_client::metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge};
use prometheus_client::registry::Registry;

/// What a number means over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises. Its name in the output ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
}

type Read = Box<dyn Fn() -> Vec<(Vec<(&'static str, String)>, f64)> + Send + Sync>;

struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    read: Read,
}

/// All metrics of the process.
#[derive(Default)]
pub struct Exporter {
    metrics: Vec<Metric>,
}

impl Exporter {
    /// Adds a number. `name` has its unit as its last word: `longwave_store_commit_seconds`.
    pub fn number(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.family(name, help, kind, move || vec![(Vec::new(), read())]);
    }

    /// Adds a family of numbers that differ in their labels.
    pub fn family(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> Vec<(Vec<(&'static str, String)>, f64)> + Send + Sync + 'static,
    ) {
        self.metrics.push(Metric { name, help, kind, read: Box::new(read) });
    }

    /// Makes the text writer of these metrics.
    #[must_use]
    pub fn into_registry(self) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        registry
    }

    /// The current numbers as OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn render(registry: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.metrics.iter().map(|metric| metric.name)).finish()
    }
}

impl Collector for Exporter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in &self.metrics {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut described = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            let samples = (metric.read)();
            if let [(labels, value)] = samples.as_slice()
                && labels.is_empty()
            {
                encode_sample(described, metric.kind, *value)?;
                continue;
            }
            for (labels, value) in samples {
                encode_sample(described.encode_family(&labels)?, metric.kind, value)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(encoder: MetricEncoder<'_>, kind: Kind, value: f64) -> Result<(), fmt::Error> {
    match kind {
        Kind::Counter => ConstCounter::new(value).encode(encoder),
        Kind::Gauge => ConstGauge::new(value).encode(encoder),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_and_families_are_written() {
        let mut exporter = Exporter::default();
        exporter.number("longwave_connections", "Open connections", Kind::Gauge, || 3.0);
        exporter.family("longwave_refusals", "Refused publishes", Kind::Counter, || {
            vec![(vec![("code", "2004".to_owned())], 7.0)]
        });
        let text = Exporter::render(&exporter.into_registry()).unwrap();
        assert!(text.contains("# TYPE longwave_connections gauge"), "{text}");
        assert!(text.contains("longwave_connections 3.0\n"), "{text}");
        assert!(text.contains("longwave_refusals_total{code=\"2004\"} 7.0\n"), "{text}");
    }
}
