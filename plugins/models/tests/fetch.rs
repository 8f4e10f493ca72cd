//! Fetching, from servers, folders and package clients made on the spot.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use visage_models::{
    Catalogue, Clients, FetchError, Fetcher, Form, Made, Model, ModelFile, Package, Patience, Quiet, Recipe, Registry,
    Source, State, Store, list, verify,
};

const NAME: &str = "a.bin";

/// Content that is longer than what is read at once, and the same every time.
fn content() -> Vec<u8> {
    (0..900_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn form(bytes: &[u8]) -> Form {
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Form { sha256, size: bytes.len() as u64 }
}

fn catalogue(sources: Vec<Source>) -> Catalogue {
    let model = Model {
        id: "m".into(),
        job: "tests".into(),
        default: true,
        shipped: None,
        platform: None,
        licence: "MIT".into(),
        origin: "made here".into(),
        without: "nothing is lost".into(),
        voices: vec![],
        with: vec![],
        made: None,
        files: vec![ModelFile { name: NAME.into(), forms: vec![form(&content())] }],
        sources,
    };
    Catalogue { models: vec![model] }
}

fn fetcher(folder: &TempDir) -> Fetcher {
    let patience = Patience { connect: Duration::from_secs(2), stall: Duration::from_secs(5), attempts: 3 };
    Fetcher { store: Store::at(folder.path()), patience, ..Fetcher::default() }
}

fn web(address: String) -> Source {
    Source::Web(BTreeMap::from([(NAME.to_owned(), address)]))
}

/// What a server does with one file.
#[derive(Clone)]
struct Served {
    content: Vec<u8>,
    /// Bytes after which the first answers break off, one for each answer.
    cuts: Vec<usize>,
    /// Whether ranges are answered.
    ranges: bool,
}

/// A server on this machine; returns its address and the ranges that it was asked for.
fn serve(served: Served) -> (String, Arc<Mutex<Vec<Option<usize>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}/{NAME}", listener.local_addr().expect("it is bound"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let stream = stream.expect("a connection");
            let from = read_request(&stream);
            log.lock().expect("no panic").push(from);
            answer(&stream, &served, from, served.cuts.get(index).copied());
        }
    });
    (address, asked)
}

/// The first byte of the range that is asked for.
fn read_request(stream: &TcpStream) -> Option<usize> {
    let mut from = None;
    for line in BufReader::new(stream).lines() {
        let line = line.expect("a request").to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = Some(range.trim_end_matches('-').parse().expect("a number"));
        }
    }
    from
}

fn answer(mut stream: &TcpStream, served: &Served, from: Option<usize>, cut: Option<usize>) {
    let start = from.filter(|_| served.ranges).unwrap_or(0);
    let rest = &served.content[start..];
    let head = if start > 0 {
        let (last, all) = (served.content.len() - 1, served.content.len());
        format!("206 Partial Content\r\nContent-Range: bytes {start}-{last}/{all}")
    } else {
        "200 OK".to_owned()
    };
    let length = rest.len();
    let sent = &rest[..cut.unwrap_or(length).min(length)];
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may have gone already; that is its right.
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent)).unwrap_or_default();
}

/// The names in the model's folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("m")).expect("the folder was made");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The names in the store.
fn left(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("it is there");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

fn assert_fetched(folder: &TempDir) {
    assert_eq!(left(folder), ["m"], "the lock is gone");
    assert_eq!(names(folder), [NAME]);
    assert_eq!(fs::read(folder.path().join("m").join(NAME)).expect("it is there"), content());
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_stopped() {
    let folder = TempDir::new().expect("a temporary folder");
    let (address, asked) = serve(Served { content: content(), cuts: vec![300_000, 200_000], ranges: true });
    fetcher(&folder).fetch(&catalogue(vec![web(address)]), &["m"], &Quiet).expect("it comes in three pieces");
    assert_fetched(&folder);
    assert_eq!(*asked.lock().expect("no panic"), [None, Some(300_000), Some(500_000)]);
}

#[test]
fn a_part_is_kept_for_the_next_run() {
    let folder = TempDir::new().expect("a temporary folder");
    let (address, _) = serve(Served { content: content(), cuts: vec![100_000; 3], ranges: true });
    fetcher(&folder).fetch(&catalogue(vec![web(address)]), &["m"], &Quiet).expect_err("three cuts are too many");
    assert_eq!(left(&folder), ["m"]);
    assert_eq!(names(&folder), ["a.bin.part"]);
}

#[test]
fn a_part_of_an_earlier_run_is_gone_on_with() {
    let folder = TempDir::new().expect("a temporary folder");
    let (address, asked) = serve(Served { content: content(), cuts: vec![], ranges: true });
    fs::create_dir(folder.path().join("m")).expect("a temporary folder");
    fs::write(folder.path().join("m/a.bin.part"), &content()[..700_000]).expect("a temporary folder");
    fetcher(&folder).fetch(&catalogue(vec![web(address)]), &["m"], &Quiet).expect("the rest comes");
    assert_fetched(&folder);
    assert_eq!(*asked.lock().expect("no panic"), [Some(700_000)]);
}

#[test]
fn a_wrong_part_is_thrown_away() {
    for ranges in [true, false] {
        let folder = TempDir::new().expect("a temporary folder");
        let (address, asked) = serve(Served { content: content(), cuts: vec![], ranges });
        fs::create_dir(folder.path().join("m")).expect("a temporary folder");
        fs::write(folder.path().join("m/a.bin.part"), [0; 1000]).expect("a temporary folder");
        fetcher(&folder).fetch(&catalogue(vec![web(address)]), &["m"], &Quiet).expect("it comes anew");
        assert_fetched(&folder);
        assert_eq!(*asked.lock().expect("no panic"), [Some(1000), None]);
    }
}

#[test]
fn a_wrong_file_is_refused_and_the_next_source_is_tried() {
    let mut forged = content();
    forged[5] ^= 1;
    let (wrong, _) = serve(Served { content: forged, cuts: vec![], ranges: true });
    let (short, _) = serve(Served { content: vec![1; 10], cuts: vec![], ranges: true });
    // Nobody listens on the port of a listener that is gone.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|own| own.local_addr()).expect("a port is free");
    let (right, _) = serve(Served { content: content(), cuts: vec![], ranges: true });

    let mut sources = vec![web(wrong), web(short), web(format!("http://{closed}/{NAME}"))];
    let folder = TempDir::new().expect("a temporary folder");
    let result = fetcher(&folder).fetch(&catalogue(sources.clone()), &["m"], &Quiet);
    let Err(FetchError::Incomplete(missing)) = result else { panic!("{result:?}") };
    let tried = &missing[0].tried;
    assert_eq!(tried.len(), 3);
    for (reason, part) in tried.iter().zip(["not the file that is wanted", "10 bytes", "cannot be reached"]) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(left(&folder), Vec::<String>::new(), "nothing is left of wrong files, not even folder and lock");

    sources.push(web(right));
    fetcher(&folder).fetch(&catalogue(sources), &["m"], &Quiet).expect("the last source is right");
    assert_fetched(&folder);
}

#[test]
fn each_source_is_asked_for_what_it_has() {
    let mut catalogue = catalogue(vec![]);
    let other = vec![7; 1_000];
    let model = &mut catalogue.models[0];
    model.files.push(ModelFile { name: "b.bin".into(), forms: vec![form(&other)] });
    let [(first, asked_first), (second, asked_second)] =
        [content(), other].map(|content| serve(Served { content, cuts: vec![], ranges: true }));
    model.sources = vec![Source::Web(BTreeMap::from([("b.bin".to_owned(), second)])), web(first.clone()), web(first)];
    let folder = TempDir::new().expect("a temporary folder");
    fetcher(&folder).fetch(&catalogue, &["m"], &Quiet).expect("each has its file");
    assert_eq!(names(&folder), [NAME, "b.bin"]);
    for asked in [asked_first, asked_second] {
        assert_eq!(asked.lock().expect("no panic").len(), 1, "it was asked once");
    }
}

#[test]
fn a_folder_is_a_source() {
    for place in ["m/a.bin", "a.bin"] {
        let from = TempDir::new().expect("a temporary folder");
        fs::create_dir(from.path().join("m")).expect("a temporary folder");
        fs::write(from.path().join(place), content()).expect("a temporary folder");
        let folder = TempDir::new().expect("a temporary folder");
        let fetcher = Fetcher { folder: Some(from.path().into()), offline: true, ..fetcher(&folder) };
        fetcher.fetch(&catalogue(vec![web("http://127.0.0.1:1/".into())]), &["m"], &Quiet).expect("it is copied");
        assert_fetched(&folder);
    }
}

#[test]
fn without_any_source_the_message_names_what_is_missing_and_what_works() {
    let folder = TempDir::new().expect("a temporary folder");
    let fetcher = Fetcher { offline: true, ..fetcher(&folder) };
    let error = fetcher.fetch(&catalogue(vec![]), &["m"], &Quiet).expect_err("nobody has it").to_string();
    assert_eq!(left(&folder), Vec::<String>::new());
    for part in ["m (tests)", "without it: nothing is lost", "visage models fetch m", "--from"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

/// A catalogue with one model that its user makes.
fn made() -> Catalogue {
    let mut catalogue = catalogue(vec![]);
    let model = &mut catalogue.models[0];
    model.default = false;
    model.made = Some(Made { terms: "For no money.".into(), steps: vec!["look".into(), "write {folder}".into()] });
    model.files[0].forms.clear();
    catalogue
}

#[test]
fn who_has_to_make_a_model_is_told_how_and_nothing_is_written() {
    let folder = TempDir::new().expect("a temporary folder");
    let error = fetcher(&folder).fetch(&made(), &["m"], &Quiet).expect_err("nobody has it").to_string();
    let place = folder.path().join("m").display().to_string();
    for part in
        ["m (tests)", "licence: MIT. For no money.", "1. look\n", &format!("2. write {place}\n"), "nothing is lost"]
    {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(!error.contains("--from") && !error.contains("tried"), "{error}");
    assert_eq!(left(&folder), Vec::<String>::new());
    assert_eq!(
        verify(&made(), &Store::at(folder.path()), &["m"], &Quiet).expect("it is known")[0].state,
        State::Missing
    );
}

#[test]
fn a_made_model_is_copied_as_it_is_and_is_there() {
    let from = TempDir::new().expect("a temporary folder");
    let folder = TempDir::new().expect("a temporary folder");
    let copying = Fetcher { folder: Some(from.path().into()), ..fetcher(&folder) };
    let error = copying.fetch(&made(), &["m"], &Quiet).expect_err("the folder is empty").to_string();
    assert!(error.contains("it has no a.bin") && error.contains("1. look"), "{error}");
    fs::write(from.path().join(NAME), b"of its user's making").expect("a temporary folder");
    copying.fetch(&made(), &["m"], &Quiet).expect("it is copied");
    let store = Store::at(folder.path());
    let listed = &list(&made(), &store)[0];
    assert_eq!((listed.state, listed.size, listed.made), (State::Present, 20, true));
    assert_eq!(verify(&made(), &store, &["m"], &Quiet).expect("it is known")[0].state, State::Present);
    fetcher(&folder).fetch(&made(), &["m"], &Quiet).expect("it is there");
    assert_eq!(names(&folder), [NAME]);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("m")).expect("a temporary folder");
    fs::write(folder.path().join("m").join(NAME), content()).expect("a temporary folder");
    let catalogue = catalogue(vec![]);
    fetcher(&folder).fetch(&catalogue, &["m"], &Quiet).expect("nothing is to be done");
    assert_eq!(list(&catalogue, &Store::at(folder.path()))[0].state, State::Present);
}

#[test]
fn verifying_finds_a_changed_byte() {
    let folder = TempDir::new().expect("a temporary folder");
    let (store, catalogue) = (Store::at(folder.path()), catalogue(vec![]));
    let state = || verify(&catalogue, &store, &["m"], &Quiet).expect("it is known")[0].state;
    assert_eq!(state(), State::Missing);
    fs::create_dir(folder.path().join("m")).expect("a temporary folder");
    let path = folder.path().join("m").join(NAME);
    fs::write(&path, content()).expect("a temporary folder");
    assert_eq!(state(), State::Present);
    let mut changed = content();
    changed[800_000] ^= 0x40;
    fs::write(&path, changed).expect("a temporary folder");
    assert_eq!(state(), State::Damaged);
    assert_eq!(names(&folder), ["a.bin.damaged"], "it is used no more");
    assert_eq!(state(), State::Missing);
}

#[test]
fn two_programs_may_fetch_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let (address, asked) = serve(Served { content: content(), cuts: vec![], ranges: true });
    let catalogue = catalogue(vec![web(address)]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetcher(&folder).fetch(&catalogue, &["m"], &Quiet).expect("it comes"));
        }
    });
    assert_fetched(&folder);
    assert_eq!(asked.lock().expect("no panic").len(), 1, "the others waited and found it there");
}

/// A program that does what pip does: it copies the wheel of the name that is asked for into the `--dest` folder.
#[cfg(unix)]
fn pip(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let script = folder.join("pip");
    let text = format!(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = --dest ] && to=$2; shift; done\n\
         cp '{}'/\"${{1%%==*}}\".whl \"$to\" || {{ echo \"no such package\" >&2; exit 1; }}\n",
        folder.display()
    );
    fs::write(&script, text).expect("a temporary folder");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    script
}

#[cfg(unix)]
#[test]
fn packages_are_a_source() {
    let tools = TempDir::new().expect("a temporary folder");
    for (package, part) in ["one", "two"].iter().zip(content().chunks(450_000)) {
        let file = fs::File::create(tools.path().join(format!("{package}.whl"))).expect("a temporary folder");
        let mut wheel = zip::ZipWriter::new(file);
        wheel.start_file(format!("{package}/part"), zip::write::SimpleFileOptions::default()).expect("written");
        wheel.write_all(part).expect("written");
        wheel.finish().expect("written");
    }
    let package = |name: &str| Package { name: name.into(), version: "1".into(), size: 450_000, platform: None };
    let source = |names: [&str; 2]| Source::Packages {
        registry: Registry::Pip,
        packages: names.map(package).into(),
        gives: BTreeMap::from([(NAME.to_owned(), Recipe::Joined(vec!["one/part".into(), "two/part".into()]))]),
    };
    let folder = TempDir::new().expect("a temporary folder");
    let clients = Clients { pip: vec![pip(tools.path()).into()], ..Clients::default() };
    let fetcher = Fetcher { clients, ..fetcher(&folder) };

    let error = fetcher.fetch(&catalogue(vec![source(["one", "none"])]), &["m"], &Quiet).expect_err("there is none");
    assert!(error.to_string().contains("no such package"), "{error}");

    fetcher.fetch(&catalogue(vec![source(["one", "two"])]), &["m"], &Quiet).expect("both are there");
    assert_fetched(&folder);
}
