//! Requests of operators, over the socket only.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use longwave_model::UserId;
use serde::Deserialize;

use crate::accounts::LocalAccounts;
use crate::admin::socket::ChannelWriter;
use crate::audit_report::audit_report;
use crate::backend::Backend;
use crate::bans::{Ban, On, StoredBans};
use crate::clock::now_millis;
use crate::push_report::push_report;

/// What the requests work on.
pub(crate) struct Operations {
    pub(crate) backend: Backend,
    pub(crate) accounts: Arc<LocalAccounts>,
    pub(crate) bans: Arc<StoredBans>,
}

pub(super) fn routes(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/v1/users", get(list_users))
        .route("/v1/users/{user}", put(put_user).delete(delete_user))
        .route("/v1/bans", get(list_bans).put(put_ban).delete(delete_ban))
        .route("/v1/drain", post(drain))
        .route("/v1/backup", get(backup))
        .route("/v1/audit", get(audit))
        .route("/v1/push/{user}", get(show_pushes))
        .with_state(operations)
}

/// An error as a response: what the operator did wrong, or what failed.
struct Failure(StatusCode, String);

impl Failure {
    fn request(error: impl std::fmt::Display) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }

    fn server(error: impl std::fmt::Display) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
}

async fn put_user(
    State(operations): State<Arc<Operations>>,
    Path(user): Path<String>,
    Json(body): Json<Password>,
) -> Result<StatusCode, Failure> {
    let user = UserId::parse(&user).map_err(Failure::request)?;
    operations.accounts.set_password(&user, &body.password).await.map_err(Failure::request)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_user(State(operations): State<Arc<Operations>>, Path(user): Path<String>) -> Result<String, Failure> {
    let user = UserId::parse(&user).map_err(Failure::request)?;
    let existed = operations.accounts.remove_password(&user).await.map_err(Failure::server)?;
    Ok(existed.to_string())
}

async fn list_users(State(operations): State<Arc<Operations>>) -> Result<String, Failure> {
    let users = operations.accounts.list().await.map_err(Failure::server)?;
    Ok(users.into_iter().map(|user| user + "\n").collect())
}

async fn put_ban(State(operations): State<Arc<Operations>>, Json(ban): Json<Ban>) -> Result<StatusCode, Failure> {
    operations.bans.add(&ban).await.map_err(Failure::request)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_ban(State(operations): State<Arc<Operations>>, Json(on): Json<On>) -> Result<String, Failure> {
    let existed = operations.bans.remove(&on).await.map_err(Failure::request)?;
    Ok(existed.to_string())
}

async fn list_bans(State(operations): State<Arc<Operations>>) -> Result<String, Failure> {
    operations.bans.list(now_millis()).await.map_err(Failure::server)
}

/// The same as SIGTERM, for who cannot send one.
async fn drain() -> Result<StatusCode, Failure> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).map_err(Failure::server)?;
    Ok(StatusCode::ACCEPTED)
}

/// Streams a backup. A failure on the way ends the body early, without the trailer that a whole backup has.
async fn backup(State(operations): State<Arc<Operations>>) -> Result<Body, Failure> {
    let store = operations.backend.embedded().map_err(Failure::request)?.clone();
    let (mut writer, body) = ChannelWriter::new();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = store.backup(&mut writer) {
            tracing::error!(%error, "backup failed");
            writer.fail(&error);
        }
    });
    Ok(body)
}

async fn show_pushes(State(operations): State<Arc<Operations>>, Path(user): Path<String>) -> Result<String, Failure> {
    let user = UserId::parse(&user).map_err(Failure::request)?;
    push_report(&*operations.backend.store(), &user).await.map_err(Failure::server)
}

async fn audit(State(operations): State<Arc<Operations>>) -> Result<String, Failure> {
    audit_report(&operations.backend).await.map_err(Failure::server)
}
