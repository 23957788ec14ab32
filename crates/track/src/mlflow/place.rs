//! Where MLflow's runs go.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A tracking server, or a folder as MLflow's store of files has it.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A tracking server.
    Server(Address),
    /// A folder such as `mlruns`; it is made.
    Folder(PathBuf),
}

/// The address of a server. What its texts show has no user and no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// As `http://host:5000`, without a slash at the end.
    base: String,
    /// User and password, if the address had them.
    user: Option<(String, String)>,
}

impl Address {
    /// The address without user and password.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    #[cfg(feature = "mlflow")]
    pub(super) fn is_this_machine(&self) -> bool {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
        ["localhost", "127.0.0.1", "[::1]"].contains(&bare)
    }

    #[cfg(feature = "mlflow")]
    pub(super) fn user(&self) -> Option<(&str, &str)> {
        self.user.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

/// Why a text is no place for MLflow's runs. It shows nothing of the text but its scheme, for there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceError(String);

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: write the address of a tracking server, as http://127.0.0.1:5000, or a folder, as mlruns",
            self.0
        )
    }
}

impl std::error::Error for PlaceError {}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let refused = |reason: &str| Err(PlaceError(reason.to_owned()));
        let Some((scheme, rest)) = text.split_once("://") else {
            let port = text.rsplit_once(':').map(|(_, port)| port);
            let is_port = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
            return match text.trim() {
                "" => refused("it is empty"),
                _ if is_port => refused("it has a port, but neither http:// nor https:// in front"),
                _ => Ok(Self::Folder(text.into())),
            };
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return refused(&format!("it begins with {scheme}://"));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if host.is_empty() || host.starts_with(':') {
            return refused("it names no host");
        }
        if !has_sound_port(host) {
            return refused("its port is no number from 1 to 65535");
        }
        if rest.contains(['?', '#']) || text.contains(char::is_whitespace) {
            return refused("an address has no spaces, no `?` and no `#`");
        }
        let user = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            (user.to_owned(), password.to_owned())
        });
        let path = &rest[authority.len()..];
        let base = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        Ok(Self::Server(Address { base, user }))
    }
}

/// Whether the port of a host, if it names one, is one. A client may take what is none for none.
fn has_sound_port(host: &str) -> bool {
    // An address of IPv6 stands in brackets, which colons of its own are in.
    let rest = match host.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((_, rest)) => rest,
            None => return false,
        },
        None => host.find(':').map_or("", |colon| &host[colon..]),
    };
    match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => rest.is_empty(),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(address) => f.write_str(&address.base),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_folders_are_told_apart() {
        let base = |text: &str| match text.parse() {
            Ok(Place::Server(address)) => address.base,
            other => panic!("{other:?}"),
        };
        assert_eq!(base("http://127.0.0.1:5000"), "http://127.0.0.1:5000");
        assert_eq!(base("HTTPS://host/mlflow//"), "https://host/mlflow");
        assert_eq!(base("http://[::1]:5000"), "http://[::1]:5000");
        assert_eq!("mlruns".parse(), Ok(Place::Folder("mlruns".into())));
        assert_eq!("/a/b:c/mlruns".parse(), Ok(Place::Folder("/a/b:c/mlruns".into())));
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_to_write() {
        for (text, reason) in [
            ("", "it is empty"),
            ("localhost:5000", "it has a port, but neither http:// nor https:// in front"),
            ("sqlite:///mlflow.db", "it begins with sqlite://"),
            ("http://", "it names no host"),
            ("http://:5000", "it names no host"),
            ("http://host:18990000", "its port is no number from 1 to 65535"),
            ("http://host:abc/x", "its port is no number from 1 to 65535"),
            ("http://host:", "its port is no number from 1 to 65535"),
            ("http://host:0", "its port is no number from 1 to 65535"),
            ("http://[::1", "its port is no number from 1 to 65535"),
            ("http://a/?b", "an address has no spaces, no `?` and no `#`"),
        ] {
            let error = text.parse::<Place>().unwrap_err().to_string();
            assert!(error.starts_with(reason) && error.contains("http://127.0.0.1:5000"), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let place: Place = "http://me:secret@host:5000/".parse().unwrap();
        assert_eq!(
            (place.to_string(), format!("{place:?}")),
            ("http://host:5000".into(), "Place(http://host:5000)".into())
        );
        let Place::Server(address) = place else { panic!("it is a server") };
        assert_eq!(address.user, Some(("me".to_owned(), "secret".to_owned())));
        assert_eq!(format!("{address:?}"), "Address(http://host:5000)");
        let error = "ftp://me:secret@host".parse::<Place>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
