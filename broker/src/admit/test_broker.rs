//! For conformance suites: whoever comes without a name is let in, and one name has a password that suites know.
//!
//! All are the same user, because in MQTT a client id is unique for the whole server, and suites test that.

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Admit, Credentials, Identity};

/// Lets suites in. Only for listeners on loopback.
#[derive(Debug, Clone)]
pub struct TestBrokerAdmit {
    /// Who everybody is.
    pub everybody: UserId,
    /// The name that needs a password.
    pub user: String,
    /// Its password.
    pub password: String,
}

#[async_trait]
impl Admit for TestBrokerAdmit {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let knows = |password: Option<Bytes>| password.is_some_and(|password| password == self.password.as_bytes());
        match credentials.user_name {
            Some(name) if name != self.user || !knows(credentials.password) => {
                Err(Refusal::new(ErrorCode::BadCredentials, "user name or password is wrong"))
            }
            _ => Ok(Identity { user: self.everybody.clone(), device: None, service: false, expires_at: None }),
        }
    }

    async fn renew(&self, _token: &str) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "a test broker has no tokens, and nothing expires"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admit(name: Option<&str>, password: Option<&'static str>) -> Result<String, ErrorCode> {
        let everybody = UserId::parse("everybody").unwrap();
        let admit = TestBrokerAdmit { everybody, user: "user".into(), password: "password".into() };
        let credentials = Credentials {
            user_name: name.map(str::to_owned),
            password: password.map(|password| Bytes::from_static(password.as_bytes())),
            client_id: "c".into(),
            certificate: None,
            address: None,
        };
        admit.admit(credentials).await.map(|identity| identity.user.to_string()).map_err(|refusal| refusal.code)
    }

    #[tokio::test]
    async fn who_gives_no_name_or_the_right_password_is_everybody() {
        assert_eq!(admit(None, None).await, Ok("everybody".into()));
        assert_eq!(admit(Some("user"), Some("password")).await, Ok("everybody".into()));
        for (name, password) in [("user", Some("wrong")), ("user", None), ("alice", None), ("alice", Some("password"))]
        {
            assert_eq!(admit(Some(name), password).await, Err(ErrorCode::BadCredentials), "{name}");
        }
    }
}
