//! For trying things out on one's own machine: whoever gives a user name is that user.

use async_trait::async_trait;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Admit, Credentials, Identity};

/// Believes every user name. Only for listeners on loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct DevAdmit;

#[async_trait]
impl Admit for DevAdmit {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let Some(name) = credentials.user_name else {
            return Err(Refusal::new(
                ErrorCode::BadCredentials,
                "give a user name (mosquitto_sub: -u); in --dev no password is needed",
            ));
        };
        let user = UserId::parse(&name).map_err(|error| {
            Refusal::new(ErrorCode::BadCredentials, format!("the user name is not a user id: {error}"))
        })?;
        Ok(Identity { user, device: None, service: false, expires_at: None })
    }

    async fn renew(&self, _token: &str) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "in --dev there are no tokens and nothing expires"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admit(user_name: Option<&str>) -> Result<Identity, Refusal> {
        let user_name = user_name.map(str::to_owned);
        DevAdmit
            .admit(Credentials {
                user_name,
                password: None,
                client_id: "phone".into(),
                certificate: None,
                address: None,
            })
            .await
    }

    #[tokio::test]
    async fn a_user_name_is_all_it_takes() {
        let identity = admit(Some("bob")).await.unwrap();
        assert_eq!(identity.user.as_str(), "bob");
        assert!(!identity.service);
        assert!(admit(None).await.unwrap_err().reason.contains("user name"));
        assert!(admit(Some("b/b")).await.unwrap_err().reason.contains("'/'"));
    }
}
