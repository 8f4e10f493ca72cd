//! TLS: a certificate that somebody gives, or one that we sign ourselves.
//!
//! Browsers give the microphone to secure pages alone, so a server for other machines needs a certificate. One that we
//! sign ourselves is trusted by nobody until a person says so; its fingerprint is there to be compared.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum_server::tls_rustls::RustlsConfig;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use super::{AccessError, Keyring};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long a certificate of our own holds: no longer than browsers accept (398 days, CA/Browser Forum baseline
/// requirements, section 6.3.2).
const LIFE: Duration = Duration::from_secs(397 * 24 * 3_600);
/// It is made anew when less than this is left.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Clocks of clients that are behind by less than this are forgiven.
const CLOCKS_APART: Duration = DAY;
/// A certificate that somebody gives is warned of when less than this is left.
const WARNING: Duration = Duration::from_secs(14 * 24 * 3_600);
/// The file of our own certificate and its key, in the keyring. One file, so that both always belong together.
const OWN: &str = "self-signed.pem";
/// The certificate alone, to be given to clients that are to trust it. Never read.
const TO_TRUST: &str = "self-signed.crt";

/// Where a certificate comes from.
#[derive(Clone, Debug)]
pub enum TlsSource {
    /// Two PEM files: the certificate with those between it and the authority, and its key.
    Files {
        /// The certificates, our own first.
        certificate: PathBuf,
        /// The key, not encrypted.
        key: PathBuf,
    },
    /// Signed by ourselves and kept in the keyring.
    SelfSigned {
        /// Where it is kept.
        keyring: Keyring,
        /// Host names and addresses that it is for.
        names: Vec<String>,
    },
}

/// TLS that is ready to be spoken.
#[derive(Clone)]
pub struct Tls {
    source: TlsSource,
    config: RustlsConfig,
    fingerprint: Arc<Mutex<String>>,
}

/// What one reading of the source gives.
struct Identity {
    config: ServerConfig,
    fingerprint: String,
    ends: SystemTime,
}

impl Tls {
    /// Reads the certificate, or makes one.
    ///
    /// # Errors
    /// A file cannot be read, is no certificate or key, or they do not belong together.
    pub fn open(source: TlsSource) -> Result<Self, AccessError> {
        let identity = source.read(SystemTime::now())?;
        source.warn_of_end(identity.ends, SystemTime::now());
        let config = RustlsConfig::from_config(Arc::new(identity.config));
        Ok(Self { source, config, fingerprint: Arc::new(Mutex::new(identity.fingerprint)) })
    }

    /// The SHA-256 hash of the certificate as browsers show it: 32 pairs of hexadecimal digits with colons.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the certificate is one of our own.
    pub const fn is_self_signed(&self) -> bool {
        matches!(self.source, TlsSource::SelfSigned { .. })
    }

    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the source again, and speaks with what it gives from the next connection on if that has changed: a
    /// certificate of our own is renewed before its end, and one in files may have been. Reads files, so it blocks.
    ///
    /// # Errors
    /// As for [`Self::open`]; the certificate that was there stays.
    pub(crate) fn refresh(&self, now: SystemTime) -> Result<bool, AccessError> {
        let identity = self.source.read(now)?;
        self.source.warn_of_end(identity.ends, now);
        let mut fingerprint = self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner);
        if *fingerprint == identity.fingerprint {
            return Ok(false);
        }
        self.config.reload_from_config(Arc::new(identity.config));
        *fingerprint = identity.fingerprint;
        Ok(true)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("source", &self.source).field("fingerprint", &self.fingerprint()).finish()
    }
}

impl TlsSource {
    fn read(&self, now: SystemTime) -> Result<Identity, AccessError> {
        match self {
            Self::Files { certificate, key } => {
                let text =
                    |file: &Path| fs::read(file).map_err(|cause| AccessError::File { file: file.to_owned(), cause });
                let (chain, secret) = (text(certificate)?, text(key)?);
                identity(&chain, &secret, certificate, key)
            }
            Self::SelfSigned { keyring, names } => {
                let path = keyring.path(OWN);
                let kept = keyring.read(OWN)?.and_then(|text| {
                    // Whatever is wrong with what is there, a new one mends it.
                    let identity = identity(text.as_bytes(), text.as_bytes(), &path, &path).ok()?;
                    let fits = identity.ends > now + RENEWAL && covers(text.as_bytes(), names);
                    fits.then_some(identity)
                });
                if let Some(identity) = kept {
                    return Ok(identity);
                }
                let (certificate, key) = make(names, now)?;
                let text = format!("{certificate}{key}");
                keyring.write(OWN, &text, true)?;
                keyring.write(TO_TRUST, &certificate, true)?;
                identity(text.as_bytes(), text.as_bytes(), &path, &path)
            }
        }
    }

    fn warn_of_end(&self, ends: SystemTime, now: SystemTime) {
        let Self::Files { certificate, .. } = self else { return };
        if ends <= now {
            tracing::warn!("the certificate in {} is no longer valid; browsers refuse it", certificate.display());
        } else if ends <= now + WARNING {
            let days = ends.duration_since(now).unwrap_or_default().as_secs() / DAY.as_secs();
            tracing::warn!("the certificate in {} ends in {days} days", certificate.display());
        }
    }
}

/// Reads PEM: certificates from `chain`, a key from `secret`. The paths are for the words of an error.
fn identity(chain: &[u8], secret: &[u8], chain_file: &Path, key_file: &Path) -> Result<Identity, AccessError> {
    let wrong = |file: &Path, why: String| AccessError::Certificate { file: file.to_owned(), why };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(chain_file, format!("this is no certificate in PEM: {error}")))?;
    let Some(first) = certificates.first() else {
        return Err(wrong(chain_file, "there is no certificate in it (a block BEGIN CERTIFICATE)".into()));
    };
    let fingerprint = fingerprint(first);
    let ends = parse_x509_certificate(first)
        .map(|(_, parsed)| u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default())
        .map(|end| UNIX_EPOCH + Duration::from_secs(end))
        .map_err(|error| wrong(chain_file, format!("the certificate cannot be read: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(secret).map_err(|_| {
        wrong(key_file, "there is no key in it that is not encrypted (a block BEGIN PRIVATE KEY)".into())
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| wrong(key_file, format!("this key cannot be used with the certificate: {error}")))?;
    // WebSockets are opened in HTTP/1.1; a second protocol would bring nothing for so few requests.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { config, fingerprint, ends })
}

fn fingerprint(certificate: &[u8]) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Whether the first certificate is for all of `names`.
fn covers(pem: &[u8], names: &[String]) -> bool {
    let Some(Ok(certificate)) = CertificateDer::pem_slice_iter(pem).next() else { return false };
    let Ok((_, parsed)) = parse_x509_certificate(&certificate) else { return false };
    let Ok(Some(alternatives)) = parsed.subject_alternative_name() else { return false };
    let is_for: BTreeSet<String> = alternatives
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
                .map(|bytes| IpAddr::V4(bytes.into()))
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(bytes.into())))
                .ok()
                .map(|address| address.to_string()),
            _ => None,
        })
        .collect();
    names.iter().all(|name| is_for.contains(name))
}

/// A new certificate and its key (ECDSA on P-256) in one PEM text.
fn make(names: &[String], now: SystemTime) -> Result<(String, String), AccessError> {
    let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let date = |time| rcgen::date_time_ymd(1970, 1, 1) + since_1970(time);
    let make = || {
        let mut about = CertificateParams::new(names)?;
        about.not_before = date(now - CLOCKS_APART);
        about.not_after = date(now - CLOCKS_APART + LIFE);
        about.distinguished_name = DistinguishedName::new();
        about.distinguished_name.push(DnType::CommonName, "Visage, signed by itself");
        about.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok((about.self_signed(&key)?.pem(), key.serialize_pem()))
    };
    make().map_err(|error: rcgen::Error| AccessError::Making(error.to_string()))
}

/// Names and addresses by which browsers may know a server that listens at `address`: this machine's, and `hosts`.
pub fn names_of_this_machine(address: SocketAddr, hosts: &[String]) -> Vec<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
    let machine = gethostname::gethostname().to_string_lossy().to_ascii_lowercase();
    if !machine.is_empty() && machine.is_ascii() {
        if !machine.contains('.') {
            // By this name machines on the same network find each other (RFC 6762).
            names.insert(format!("{machine}.local"));
        }
        names.insert(machine);
    }
    names.extend(address_for_others(address).map(|ip| ip.to_string()));
    names.into_iter().collect()
}

/// The address by which other machines reach a server at `address`: itself, or for "all networks" the one that this
/// machine would use to reach the outside. `None` if nobody else can.
pub fn address_for_others(address: SocketAddr) -> Option<IpAddr> {
    let ip = address.ip().to_canonical();
    if !ip.is_unspecified() {
        return (!ip.is_loopback()).then_some(ip);
    }
    // No packet is sent: this only asks which of our addresses leads there (addresses for documentation, RFC 5737, 3849).
    let towards = |from: IpAddr, to: IpAddr| -> io::Result<IpAddr> {
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect((to, 9))?;
        Ok(socket.local_addr()?.ip())
    };
    let v4 = || towards(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = || towards(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    let found = if ip.is_ipv4() { v4() } else { v4().or_else(|_| v6()) };
    found.ok().filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(keyring: &Keyring, names: &[&str]) -> TlsSource {
        TlsSource::SelfSigned { keyring: keyring.clone(), names: names.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn our_own_certificate_is_kept_until_it_must_be_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let keyring = Keyring::at(folder.path().join("visage"));
        let now = SystemTime::now();
        let print = |names: &[&str], at| own(&keyring, names).read(at).expect("a certificate").fingerprint;
        let first = print(&["localhost", "127.0.0.1"], now);
        assert_eq!((first.len(), first.matches(':').count()), (95, 31));
        assert_eq!(print(&["localhost"], now), first, "it is for that name");
        assert_eq!(print(&["localhost"], now + LIFE - RENEWAL - 2 * DAY), first, "there is time left");
        let renewed = print(&["localhost"], now + LIFE - RENEWAL);
        assert_ne!(renewed, first, "it would end soon");
        let wider = print(&["localhost", "kiosk.lan", "::1"], now);
        assert_ne!(wider, renewed, "it was not for that name");
        fs::write(keyring.path(OWN), "damaged").expect("written");
        assert_ne!(print(&["localhost"], now), wider);
        let own = fs::read_to_string(keyring.path(OWN)).expect("it is there");
        let to_trust = fs::read_to_string(keyring.path(TO_TRUST)).expect("it is there");
        assert!(own.starts_with(&to_trust) && to_trust.contains("BEGIN CERTIFICATE") && !to_trust.contains("KEY"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(keyring.path(OWN)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_certificate_in_files_is_read_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["localhost".to_owned()];
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (first, first_key) = make(&names, SystemTime::now()).expect("made");
        let (second, second_key) = make(&names, SystemTime::now()).expect("made");
        // The certificate is handed to others.
        assert!(!first.contains("PRIVATE KEY") && first_key.contains("PRIVATE KEY"));
        let place = |chain: &str, secret: &str| {
            fs::write(&certificate, chain).expect("written");
            fs::write(&key, secret).expect("written");
        };
        place(&first, &first_key);
        let source = TlsSource::Files { certificate: certificate.clone(), key: key.clone() };
        let tls = Tls::open(source).expect("in order");
        let before = tls.fingerprint();
        let now = SystemTime::now();
        assert!(!tls.refresh(now).expect("in order"));

        for (chain, secret, part) in [
            (second.as_str(), first_key.as_str(), "cannot be used with the certificate"),
            ("", &first_key, "no certificate"),
            (&first, "", "no key"),
            (&first, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n", "encrypted"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &first_key, "cannot be read"),
        ] {
            place(chain, secret);
            let error = tls.refresh(now).expect_err("wrong").to_string();
            assert!(error.contains(part), "{part}: {error}");
            assert_eq!(tls.fingerprint(), before, "the old one stays");
        }

        place(&second, &second_key);
        assert!(tls.refresh(now).expect("in order"));
        assert_ne!(tls.fingerprint(), before);
    }

    #[test]
    fn names_are_those_that_a_browser_may_use() {
        let names = names_of_this_machine(([192, 0, 2, 7], 8443).into(), &["Avatar.Example".to_owned()]);
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.7", "avatar.example"] {
            assert!(names.iter().any(|one| one == name), "{name} in {names:?}");
        }
        let (text, _) = make(&names, SystemTime::now()).expect("made");
        assert!(covers(text.as_bytes(), &names));
        assert!(!covers(text.as_bytes(), &["other.example".to_owned()]));
        assert_eq!(address_for_others(([127, 0, 0, 1], 80).into()), None);
        assert_eq!(address_for_others(([192, 0, 2, 7], 80).into()), Some([192, 0, 2, 7].into()));
        assert!(address_for_others(([0, 0, 0, 0], 80).into()).is_none_or(|ip| !ip.is_unspecified()));
    }
}
