//! `visage doctor`: looks at this machine and says what is there, what is missing and what to do.
//!
//! Each check is a line of a table, or an object of a JSON array: name, status ("ok", "warning", "failed"), what was
//! found, what to do. The command fails only if a check has failed.

use std::{
    net::SocketAddr,
    process::{Command, ExitCode, Stdio},
};

use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
use visage_audio::{AudioError, Loudspeaker, Microphone};
use visage_models::{Catalogue, Check, Status, Store};
use visage_server::{ServerPlugin, Tls, TlsSource};
use visage_stage::Adapter;

use crate::{
    access,
    cli::{Doctor, Network},
    commands::print,
};

/// Prints what was found; the exit code says whether anything has failed.
///
/// # Errors
/// The result cannot be printed.
pub fn run(asked: &Doctor) -> anyhow::Result<ExitCode> {
    let checks = examine(&asked.network);
    if asked.json {
        print(serde_json::to_string_pretty(&checks)?)?;
    } else {
        print(table(&checks))?;
        print(verdict(&checks))?;
    }
    let failed = checks.iter().any(|check| check.status == Status::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Looks at everything. `network` is how the server is to be reached.
pub fn examine(network: &Network) -> Vec<Check> {
    let mut checks = vec![processor(), graphics()];
    checks.extend(visage_models::checks(Catalogue::builtin(), &Store::default()));
    checks.push(espeak());
    checks.extend(sound_devices());
    checks.push(port(network.listen));
    checks.push(access_token(network));
    checks.push(secure_context(network));
    checks
}

fn processor() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match visage_hearing::check_processor() {
        Ok(()) => Check::ok("processor", format!("{cores} threads, {}", std::env::consts::ARCH)),
        Err(error) => Check::failed(
            "processor",
            error.to_string(),
            "use a newer machine, or leave the microphone off: typing, speaking and drawing work",
        ),
    }
}

fn graphics() -> Check {
    match Adapter::Best.find() {
        Ok(found) if found.software => Check::warning(
            "graphics",
            format!("{}: drawn by the processor", found.name),
            "nothing needs to be done for 512x512; a graphics driver leaves the processor to the voice",
        ),
        Ok(found) => Check::ok("graphics", format!("{} ({})", found.name, found.driver)),
        Err(error) => Check::failed("graphics", error.to_string(), "install a Vulkan driver"),
    }
}

fn espeak() -> Check {
    const NAME: &str = "espeak-ng";
    let program = match visage_voice::espeak_program() {
        Ok(program) => program,
        Err(error) => {
            return Check::failed(NAME, error.to_string(), "install it (Debian and Ubuntu: `apt install espeak-ng`)");
        }
    };
    let version = Command::new(&program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    match version {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let version = text.split("Data at:").next().unwrap_or_default().trim().to_owned();
            Check::ok(NAME, format!("{} ({version})", program.display()))
        }
        Ok(output) => Check::failed(NAME, format!("{}: {}", program.display(), output.status), "install it again"),
        Err(error) => Check::failed(NAME, format!("{}: {error}", program.display()), "install it again"),
    }
}

/// Opens both, as a system may name a default device where there is none.
fn sound_devices() -> [Check; 2] {
    // A window uses them; browsers bring their own.
    const ADVICE: &str = "only `visage preview` needs one; browsers use their own";
    let (microphone, loudspeaker) = visage_audio::default_devices();
    let check = |name: &str, device: Option<String>, opened: Result<(), AudioError>| match (device, opened) {
        (Some(device), Ok(())) => Check::ok(name, device),
        (_, Err(error)) => Check::warning(name, error.to_string(), ADVICE),
        (None, Ok(())) => Check::ok(name, "without a name"),
    };
    [
        check("microphone", microphone, Microphone::open().map(drop)),
        check("loudspeaker", loudspeaker, Loudspeaker::open().map(drop)),
    ]
}

fn port(listen: SocketAddr) -> Check {
    match ServerPlugin::bind(listen) {
        Ok(listener) => Check::ok("port", format!("{} is free", listener.address())),
        Err(error) => Check::failed("port", error.to_string(), "choose another with --listen"),
    }
}

/// Whether the server will ask for the access token, and where that is. Makes none.
fn access_token(network: &Network) -> Check {
    const NAME: &str = "access";
    match access::given_token(network) {
        Ok(Some(_)) => return Check::ok(NAME, "the server asks for the access token that you give"),
        Err(error) => return Check::failed(NAME, error.to_string(), "put it right, or leave it out"),
        Ok(None) => {}
    }
    let listen = network.listen;
    if !access::without_token(network).needs_token(listen) {
        return Check::ok(NAME, format!("only this machine reaches {listen}, so no access token is needed"));
    }
    match access::keyring(network) {
        Ok(keyring) => {
            let file = keyring.token_file();
            let verb = if file.exists() { "lies" } else { "will be made" };
            Check::ok(
                NAME,
                format!("others reach {listen}, so the access token is needed; it {verb} in {}", file.display()),
            )
        }
        Err(error) => Check::failed(NAME, error.to_string(), "name a folder with --config-folder"),
    }
}

/// Browsers give the microphone to pages in a secure context alone: https, or http on the browser's own machine.
fn secure_context(network: &Network) -> Check {
    const NAME: &str = "browser's microphone";
    let (listen, port) = (network.listen, network.listen.port());
    match access::tls_source(network) {
        Err(error) => return Check::failed(NAME, error.to_string(), "name a folder with --config-folder"),
        Ok(Some(TlsSource::SelfSigned { names, .. })) => {
            let known = names.join(", ");
            return Check::ok(
                NAME,
                format!("browsers allow it over https once a person has trusted the certificate (for {known})"),
            );
        }
        Ok(Some(source)) => {
            return match Tls::open(source) {
                Ok(_) => Check::ok(NAME, "browsers allow it over https if they trust your certificate"),
                Err(error) => Check::failed(NAME, error.to_string(), "put the certificate or the key right"),
            };
        }
        Ok(None) => {}
    }
    if listen.ip().to_canonical().is_loopback() {
        return Check::ok(NAME, format!("browsers on this machine allow it at http://localhost:{port}"));
    }
    Check::warning(
        NAME,
        format!("browsers on other machines refuse it at http://{listen}"),
        format!(
            "add --tls self-signed, or give a certificate (--tls-cert, --tls-key); or put an https proxy in front; or open \
             a tunnel on the other machine (`ssh -L {port}:localhost:{port} HOST`) and use http://localhost:{port} there"
        ),
    )
}

/// Lines around the header and at the end, none between the rows.
const LINES: TableStyle = {
    let line = LineStyle::none().fill('─').junction('─');
    TableStyle::new().top_border(line).header_separator(line).bottom_border(line)
};

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new();
    table.load_style(LINES).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["check", "status", "found", "what to do"]);
    for check in checks {
        let colour = match check.status {
            Status::Ok => Color::Green,
            Status::Warning => Color::Yellow,
            Status::Failed => Color::Red,
        };
        table.add_row([
            Cell::new(&check.name),
            Cell::new(check.status).fg(colour),
            Cell::new(&check.found),
            Cell::new(&check.advice),
        ]);
    }
    table
}

fn verdict(checks: &[Check]) -> String {
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    match (count(Status::Failed), count(Status::Warning)) {
        (0, 0) => "Everything is as it should be.".to_owned(),
        (0, warnings) => format!("Visage runs; {warnings} of the lines above could be better."),
        (failed, _) => format!("{failed} of the lines above must be put right before everything works."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::TlsKind;

    #[test]
    fn a_taken_port_fails_and_a_free_one_does_not() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = taken.local_addr().expect("it is bound");
        assert_eq!(port(address).status, Status::Failed);
        assert_eq!(port(SocketAddr::from(([127, 0, 0, 1], 0))).status, Status::Ok);
    }

    #[test]
    fn this_machine_and_https_are_secure_contexts() {
        for (address, tls, expected) in [
            ("127.0.0.1:8080", None, Status::Ok),
            ("[::1]:8080", None, Status::Ok),
            ("0.0.0.0:8080", None, Status::Warning),
            ("192.168.1.5:80", None, Status::Warning),
            ("0.0.0.0:8443", Some(TlsKind::SelfSigned), Status::Ok),
        ] {
            let config_folder = Some("/nowhere".into());
            let listen = address.parse().expect(address);
            let network = Network { listen, tls, config_folder, ..Network::default() };
            assert_eq!(secure_context(&network).status, expected, "{address} {tls:?}");
        }
        let missing = Some("/nowhere/cert.pem".into());
        let network = Network { tls_cert: missing.clone(), tls_key: missing, ..Network::default() };
        assert_eq!(secure_context(&network).status, Status::Failed);
    }

    #[test]
    fn what_access_needs_is_told_and_nothing_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config");
        let said = |listen: &str| {
            let config_folder = Some(config.clone());
            let network = Network { listen: listen.parse().expect(listen), config_folder, ..Network::default() };
            access_token(&network).found
        };
        assert!(said("127.0.0.1:8080").contains("no access token is needed"));
        assert!(said("0.0.0.0:8080").contains("will be made in"));
        assert!(!config.exists());
        let network = Network { token_file: Some(folder.path().join("none")), ..Network::default() };
        assert_eq!(access_token(&network).status, Status::Failed);
    }

    #[test]
    fn the_verdict_counts_the_worst() {
        let (ok, warning, failed) = (Check::ok("a", ""), Check::warning("b", "", ""), Check::failed("c", "", ""));
        assert!(verdict(std::slice::from_ref(&ok)).starts_with("Everything"));
        assert!(verdict(&[ok.clone(), warning.clone()]).starts_with("Visage runs; 1"));
        assert!(verdict(&[ok, warning, failed]).starts_with("1 of"));
    }
}
