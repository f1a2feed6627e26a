//! The admin HTTP: health and metrics on the admin port; the same and the operators' requests on `data/admin.sock`, whose file
//! mode (0600) is the access control. The port has none, so nothing there changes or reveals data.

mod health;
mod requests;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use longwave_telemetry::Exporter;
use prometheus_client::registry::Registry;

pub(crate) use health::{Health, Probe, watch};
pub(crate) use requests::Operations;
pub(crate) use socket::AdminSocket;

/// What every admin route may use.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Registry>,
}

/// Routes of the admin port.
pub(crate) fn public_routes(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

/// Routes of the socket.
pub(crate) fn private_routes(admin: Admin, operations: Arc<Operations>) -> Router {
    public_routes(admin).merge(requests::routes(operations))
}

async fn ready(State(admin): State<Admin>) -> Response {
    match admin.health.unready() {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match Exporter::render(&admin.metrics) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
