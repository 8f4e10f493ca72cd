//! Who may use the server: from the words of the command line to what the server is given, and what a person is told
//! about it at the start. docs/avatar/access.md explains it.

use std::{
    env,
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use visage_server::{
    Access, AccessError, Keyring, StoredToken, Tls, TlsSource, Token, address_for_others, names_of_this_machine,
    token_in_file,
};

use crate::cli::Network;

/// The variable that may hold the token itself. (An option for it would show it to everybody who lists processes.)
pub const TOKEN_VARIABLE: &str = "VISAGE_TOKEN";

/// What the server is given.
#[derive(Clone, Debug)]
pub struct Arranged {
    /// Who may use it.
    pub access: Access,
    /// TLS, if it is asked for.
    pub tls: Option<Tls>,
    /// The token that is kept for this user, if it is the one in use.
    pub stored: Option<StoredToken>,
}

/// Reads or makes the token and the certificate.
///
/// # Errors
/// One of them cannot be read or made; the message says what to do.
pub fn arrange(network: &Network) -> Result<Arranged, AccessError> {
    let mut access = without_token(network);
    access.token = given_token(network)?;
    let mut stored = None;
    if access.check(network.listen).is_err() {
        let kept = keyring(network)?.token()?;
        access.token = Some(kept.token.clone());
        stored = Some(kept);
    }
    let tls = tls_source(network)?.map(Tls::open).transpose()?;
    Ok(Arranged { access, tls, stored })
}

/// Access as it is asked for, but for the token.
pub fn without_token(network: &Network) -> Access {
    let Network { hosts, origins, proxies, .. } = network.clone();
    Access { token: None, hosts, origins, proxies }
}

/// The token that a person gives, in a file or in the environment.
///
/// # Errors
/// The file cannot be read, or what is given cannot be a token.
pub fn given_token(network: &Network) -> Result<Option<Token>, AccessError> {
    if let Some(file) = &network.token_file {
        return token_in_file(file).map(Some);
    }
    // Who sets the variable wants a token: one that is empty or no text is told, not left out.
    let wrong = |why: String| AccessError::TokenFile { file: PathBuf::from(TOKEN_VARIABLE), why };
    match env::var(TOKEN_VARIABLE) {
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(wrong("it is no text".into())),
        Ok(text) => Token::parse(&text).map(Some).map_err(|why| wrong(why.to_string())),
    }
}

/// Where the token and the certificate are kept that the program makes.
///
/// # Errors
/// The user has no home, and no folder is named.
pub fn keyring(network: &Network) -> Result<Keyring, AccessError> {
    network.config_folder.as_ref().map_or_else(Keyring::usual, |folder| Ok(Keyring::at(folder)))
}

/// Where the certificate comes from, if TLS is asked for.
///
/// # Errors
/// As for [`keyring`].
pub fn tls_source(network: &Network) -> Result<Option<TlsSource>, AccessError> {
    if let (Some(certificate), Some(key)) = (&network.tls_cert, &network.tls_key) {
        return Ok(Some(TlsSource::Files { certificate: certificate.clone(), key: key.clone() }));
    }
    let names = || names_of_this_machine(network.listen, &network.hosts);
    network.tls.map(|_| Ok(TlsSource::SelfSigned { keyring: keyring(network)?, names: names() })).transpose()
}

impl Arranged {
    /// What a person is told when the server at `address` is ready. `show`: whether a token that is not new may be shown,
    /// too; what is printed may be kept where others read it. A token that a person gave is never shown.
    pub fn greeting(&self, address: SocketAddr, show: bool) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let fragment = match &self.stored {
            Some(stored) if stored.is_new || show => format!("/#token={}", stored.token.reveal()),
            _ => String::new(),
        };
        let at = |ip| format!("{scheme}://{}{fragment}", SocketAddr::new(ip, address.port()));
        let mut text = format!("Visage is ready: open {} in a browser. Ctrl-C ends it.\n", at(here(address.ip())));
        let others = address_for_others(address);
        if let Some(ip) = others.filter(|ip| *ip != here(address.ip())) {
            add(&mut text, format_args!("From other machines: {}", at(ip)));
        }
        if let Some(stored) = &self.stored {
            let file = stored.file.display();
            add(
                &mut text,
                format_args!("The access token lies in {file}; programs send it as \"Authorization: Bearer\"."),
            );
        } else if self.access.token.is_some() {
            add(&mut text, format_args!("It asks for the access token that you gave."));
        }
        match &self.tls {
            Some(tls) => {
                if tls.is_self_signed() {
                    let says = "The certificate is signed by Visage itself, so browsers ask before they trust it.";
                    add(&mut text, format_args!("{says}"));
                }
                add(&mut text, format_args!("SHA-256 fingerprint of the certificate: {}", tls.fingerprint()));
            }
            None if others.is_some() => {
                let says =
                    "Browsers on other machines give the microphone to https pages alone: add --tls self-signed.";
                add(&mut text, format_args!("{says}"));
            }
            None => {}
        }
        text.trim_end().to_owned()
    }
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every text");
}

/// The address as a browser on this machine takes it: "all networks" is none.
fn here(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_shows_what_is_needed_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let network = |listen: &str, tls: bool, given: bool| {
            let token_file = folder.path().join("given");
            std::fs::write(&token_file, "given-0123456789abcdef").expect("written");
            Network {
                listen: listen.parse().expect(listen),
                token_file: given.then_some(token_file),
                tls: tls.then_some(crate::cli::TlsKind::SelfSigned),
                config_folder: Some(folder.path().join("config")),
                ..Network::default()
            }
        };
        let greet = |network: &Network, show| {
            let arranged = arrange(network).expect("in order");
            let token = arranged.stored.as_ref().map(|stored| stored.token.reveal().to_owned());
            (arranged.greeting(network.listen, show), token)
        };

        let (text, token) = greet(&network("127.0.0.1:8080", false, false), true);
        assert_eq!(token, None);
        assert_eq!(text, "Visage is ready: open http://127.0.0.1:8080 in a browser. Ctrl-C ends it.");

        let far = network("192.0.2.7:8443", false, false);
        let (first, token) = greet(&far, false);
        let token = token.expect("made");
        let address = format!("open http://192.0.2.7:8443/#token={token} in a browser");
        assert!(first.contains(&address), "a new token is shown: {first}");
        assert!(first.contains("--tls self-signed") && !first.contains("From other machines"), "{first}");
        let (second, same) = greet(&far, false);
        assert_eq!(same.as_deref(), Some(token.as_str()));
        assert!(!second.contains(&token) && second.contains("config/token"), "{second}");
        assert!(greet(&far, true).0.contains(&address));

        let (text, _) = greet(&network("192.0.2.7:8443", true, false), false);
        assert!(text.contains("https://192.0.2.7:8443") && text.contains("SHA-256 fingerprint"), "{text}");
        assert!(!text.contains("--tls"), "{text}");

        for listen in ["127.0.0.1:8080", "192.0.2.7:8443"] {
            let (text, stored) = greet(&network(listen, false, true), true);
            assert_eq!(stored, None);
            assert!(text.contains("that you gave") && !text.contains("0123456789abcdef"), "{text}");
        }
    }
}
