//! What was handed to an exporter, what of it arrived, and why the rest did not.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The account of one signal.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    made: AtomicU64,
    arrived: AtomicU64,
    /// What arrived and was not taken.
    refused: AtomicU64,
    /// Why the last request failed.
    failure: Mutex<Option<String>>,
    /// Why anything was given up.
    lost: Mutex<Option<String>>,
    /// Why anything was not taken.
    refusal: Mutex<Option<String>>,
}

impl Delivery {
    /// Something to be sent was made.
    pub(super) fn made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// What was made and did not arrive.
    pub(super) fn missing(&self) -> u64 {
        let [made, arrived, refused] =
            [&self.made, &self.arrived, &self.refused].map(|count| count.load(Ordering::Relaxed));
        made.saturating_sub(arrived.saturating_sub(refused))
    }

    /// Why something was given up or not taken, if anything was.
    pub(super) fn lost(&self) -> Option<String> {
        let [lost, refusal] =
            [&self.lost, &self.refusal].map(|why| why.lock().unwrap_or_else(PoisonError::into_inner).clone());
        lost.or(refusal)
    }

    /// A receiver says that it did not take so many of what it was sent.
    pub(super) fn refused(&self, many: u64, why: String) {
        // It may say any number.
        let _ = self.refused.try_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_add(many)));
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// A request failed; the exporter may try again.
    pub(super) fn failed(&self, why: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn note(&self, many: usize, result: OTelSdkResult) -> OTelSdkResult {
        match &result {
            Ok(()) => _ = self.arrived.fetch_add(many as u64, Ordering::Relaxed),
            Err(error) => {
                let why = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let why = why.unwrap_or_else(|| error.to_string());
                *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        }
        result
    }
}

/// An exporter whose deliveries are noted.
pub(super) struct Noted<E> {
    pub(super) exporter: E,
    pub(super) delivery: Arc<Delivery>,
}

impl<E> fmt::Debug for Noted<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Noted").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Noted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let many = batch.len();
        self.delivery.note(many, self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Noted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let many = batch.iter().count();
        self.delivery.note(many, self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Noted<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.delivery.note(1, self.exporter.export(metrics).await);
        if result.is_ok() && self.exporter.temporality() == Temporality::Cumulative {
            // They are sums from the start on: what did not arrive before is in these.
            *self.delivery.lost.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
