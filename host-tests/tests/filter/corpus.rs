//! Every case of the corpus, through the compiled module: how it ends, and for how long it opens.

use std::{
    fs,
    path::{Path, PathBuf},
};

use llm_breaker_host_tests::host::{Request, Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene};

/// Places at which a body is split, besides between all bytes.
const PLACES: usize = 200;

struct Case {
    file: PathBuf,
    json: Value,
}

fn corpus() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filter/corpus");
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the corpus");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let folders = entries(&root).into_iter().filter(|entry| entry.is_dir());
    let files = folders.flat_map(|folder| entries(&folder));
    let read = |file: &PathBuf| {
        serde_json::from_slice(&fs::read(file).expect("a file")).expect("a case is JSON")
    };
    files.map(|file| Case { json: read(&file), file }).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for digit in text.chars().filter_map(|digit| DIGITS.find(digit)) {
        bits = (bits << 6 | digit) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

impl Case {
    fn chunks(&self) -> Vec<Vec<u8>> {
        let chunks = self.json["chunks"].as_array().expect("chunks").iter().map(text);
        match self.json["encoding"].as_str() {
            Some("base64") => chunks.map(base64).collect(),
            _ => chunks.map(|chunk| chunk.as_bytes().to_vec()).collect(),
        }
    }

    fn request(&self) -> Request {
        let request = Request::new(text(&self.json["method"]), text(&self.json["path"]));
        let headers = self.json["request_headers"].as_object().expect("headers");
        let add =
            |request: Request, (name, value): (&String, &Value)| request.header(name, text(value));
        headers.iter().fold(request, add).cluster(OPENAI)
    }

    fn head(&self) -> Response {
        let status = self.json["status"].as_u64().expect("a status") as u16;
        let headers = self.json["headers"].as_object().expect("headers");
        let add = |response: Response, (name, value): (&String, &Value)| {
            response.header(name, text(value))
        };
        headers.iter().fold(Response::status(status), add).chunked([""; 0])
    }

    fn play(&self, scene: &Scene, pieces: &[&[u8]]) {
        let call = scene.send(self.request());
        call.response_headers(&self.head());
        pieces.iter().for_each(|piece| call.body_chunk(piece));
        match text(&self.json["ended"]) {
            "client_left" => call.client_leaves(),
            "reset" => drop(call.upstream(Upstream::Closes)),
            _ => match self.json["trailers"].as_object() {
                Some(trailers) => {
                    let trailers =
                        trailers.iter().map(|(name, value)| (name.as_str(), text(value)));
                    call.trailers(&trailers.collect::<Vec<_>>());
                }
                None => call.end(),
            },
        }
    }

    fn category(&self) -> &str {
        text(&self.json["expected"]["category"])
    }
}

/// A scene in which nothing opens the breaker.
fn watching() -> Scene {
    Scene::under(json!({
        "trip": {"consecutive_failures": null, "failure_rate": null},
        "verdicts": {"quota_exhausted": "failure"},
    }))
}

#[test]
fn every_case_ends_as_it_says_wherever_its_body_is_split() {
    let cases: Vec<Case> = corpus();
    assert!(cases.len() >= 120, "{}", cases.len());
    for case in cases {
        let (scene, chunks) = (watching(), case.chunks());
        case.play(&scene, &chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let body = chunks.concat();
        case.play(&scene, &body.chunks(1).collect::<Vec<_>>());
        // Every place of a short body, and as many of a long one, spread over it.
        let places = body.len().min(PLACES);
        for place in 0..places {
            let (left, right) = body.split_at(body.len() * place / places);
            case.play(&scene, &[left, right]);
        }
        let told = scene.outcomes(case.category());
        assert_eq!(told, places as u64 + 2, "{}", case.file.display());
    }
}

#[test]
fn a_verdict_and_an_announced_reset_reach_the_breaker() {
    let mut opened = 0;
    for case in corpus() {
        let scene = Scene::under(json!({
            "trip": {"consecutive_failures": 1},
            "open": {"base": "1s", "quota": "1s", "announced_max": "604800s"},
        }));
        let chunks = case.chunks();
        case.play(&scene, &chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let expected = &case.json["expected"];
        let opens = ["failure", "open"].contains(&text(&expected["verdict"]));
        assert_eq!(scene.state() == "open", opens, "{}", case.file.display());
        // A reset given as a point in time is one of another clock than this world's.
        if opens && !case.json["headers"]["date"].is_string() {
            let announced = expected["announced_seconds"].as_f64().unwrap_or(0.0).ceil();
            let wait = (announced as u64).max(1);
            assert_eq!(scene.retry_after(), wait, "{}", case.file.display());
            opened += 1;
        }
    }
    assert!(opened >= 40, "{opened}");
}
