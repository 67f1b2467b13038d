//! Hostile input: clear answers, never a trap, nothing changed, and nothing at all on other listeners.

use hyper::Method;
use llm_breaker_host_tests::client::{Answer, Call, Client, RawConnection};
use llm_breaker_host_tests::envoy::{Cluster, Route};
use llm_breaker_host_tests::patience::patiently;
use serde_json::{Value, json};

use super::stage::{
    BREAKERS, LISTENER, OPENAI_PATH, Stage, TOKEN, code, order, order_to, status_listener,
};
use crate::scene::{Outcome, Scene, assert_blocked};

/// No VM of this Envoy has trapped: each would have been replaced, and said so.
fn assert_no_trap(scene: &Scene) {
    let lines = scene.envoy.log().lines();
    let traps: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("Function: proxy_on_") || line.contains("panicked"))
        .collect();
    assert!(traps.is_empty(), "{traps:#?}");
}

#[tokio::test]
async fn who_may_not_changes_nothing() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.open().await;
    let before = stage.breaker().await["events"].clone();
    let path = format!("{OPENAI_PATH}/close");
    let without = || Call::post_json(&path, &json!({}));
    let with = || order("close", &json!({}));
    let host = stage.scene.envoy.address_of(LISTENER);
    let no_json = |media_type: &str| {
        Call::new(Method::POST, &path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", media_type)
            .body("{}")
    };
    for (call, expected) in [
        (without(), (401, "unauthorized")),
        (without().header("authorization", "Bearer x"), (401, "unauthorized")),
        (without().header("authorization", &b"Bearer \xff\xfe"[..]), (401, "unauthorized")),
        (without().header("authorization", format!("Basic {TOKEN}")), (401, "unauthorized")),
        (with().header("origin", "https://evil.example"), (403, "cross_site")),
        (with().header("origin", "null"), (403, "cross_site")),
        (with().header("origin", &b"http://\xff"[..]), (403, "cross_site")),
        (with().header("sec-fetch-site", "cross-site"), (403, "cross_site")),
        (with().header("sec-fetch-site", "same-site"), (403, "cross_site")),
        (no_json("text/plain"), (415, "unsupported_media_type")),
        (no_json("application/x-www-form-urlencoded"), (415, "unsupported_media_type")),
        (order("mode", &json!({})), (400, "invalid")),
        (order("mode", &json!({"mode": "off", "x": 1})), (400, "invalid")),
        (order("shut", &json!({})), (404, "not_found")),
        (order_to("/api/v1/breakers/azure", "open", &json!({})), (404, "unknown_breaker")),
        (with().header("host", "evil.example"), (421, "misdirected")),
        (Call::get(BREAKERS).header("host", "evil.example:9902"), (421, "misdirected")),
    ] {
        let answer = stage.send(&call).await;
        assert_eq!(code(&answer), (expected.0, json!(expected.1)), "{call:?}");
    }
    assert_eq!(stage.breaker().await["events"], before);
    let own =
        with().header("origin", format!("http://{host}")).header("sec-fetch-site", "same-origin");
    assert_eq!(stage.send(&own).await.status.as_u16(), 200);
    assert_no_trap(&stage.scene);
    Ok(())
}

#[tokio::test]
async fn all_mistakes_of_a_body_are_told_at_once() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.call().await;
    let body = json!({"mode": "off", "duration": "1h", "user": "", "force": true});
    let answer = stage.send(&order("mode", &body)).await;
    assert_eq!(code(&answer), (400, json!("invalid")));
    let error = answer.json()["error"].clone();
    let paths: Vec<&Value> =
        error["details"].as_array().expect("a list").iter().map(|it| &it["path"]).collect();
    assert_eq!(json!(paths), json!(["user", "duration", "mode", "force"]));
    Ok(())
}

#[tokio::test]
async fn a_megabyte_is_refused_however_it_comes() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.open().await;
    for size in [16 * 1024 + 1, 100_000, 1 << 20, 3 << 20] {
        for client in [stage.client(), Client::http2(stage.scene.envoy.address_of(LISTENER))] {
            let call = order("close", &json!({})).body(vec![b' '; size]);
            let answer = patiently("an answer", client.send(&call)).await;
            // Over HTTP/2 the reset of the upload may overtake the answer.
            if let Ok(answer) = answer {
                assert_eq!(answer.status.as_u16(), 413, "{size}: {}", answer.text());
            }
        }
    }
    let mut raw = RawConnection::open(stage.scene.envoy.address_of(LISTENER)).await?;
    let head = format!(
        "POST {OPENAI_PATH}/close HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    raw.write(head.as_bytes()).await?;
    for _ in 0..64 {
        let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
        if raw.write(&chunk).await.is_err() {
            break;
        }
    }
    let answer =
        String::from_utf8_lossy(&patiently("an answer", raw.read_to_end()).await).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    let of_a_get = Call::get(BREAKERS).body(vec![b'x'; 1 << 20]);
    if let Ok(answer) = patiently("an answer", stage.client().send(&of_a_get)).await {
        assert_eq!(answer.status.as_u16(), 200);
    }
    assert_eq!(stage.breaker().await["state"], "open");
    assert_no_trap(&stage.scene);
    Ok(())
}

#[tokio::test]
async fn a_body_may_come_byte_by_byte() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.open().await;
    let body = r#"{"mode":"shadow","user":"ann"}"#;
    let mut raw = RawConnection::open(stage.scene.envoy.address_of(LISTENER)).await?;
    let head = format!(
        "POST {OPENAI_PATH}/mode HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    raw.write(head.as_bytes()).await?;
    for byte in body.as_bytes() {
        raw.write(&[*byte]).await?;
    }
    let answer =
        String::from_utf8_lossy(&patiently("an answer", raw.read_to_end()).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stage.breaker().await["override"]["user"], "ann");
    Ok(())
}

#[tokio::test]
async fn no_method_path_or_header_gets_more_than_a_clear_refusal() -> Outcome {
    // Each connection here is closed by Envoy, which else waits a second before it does.
    let hasty =
        status_listener().connection_manager_patch(json!({"delayed_close_timeout": "0.05s"}));
    let stage = Stage::set_as(&json!({}), hasty, |envoy| envoy).await?;
    stage.scene.open().await;
    let address = stage.scene.envoy.address_of(LISTENER);
    let long = format!("/{}", "a".repeat(20_000));
    let paths = [
        "/",
        "/x",
        "//",
        "/%",
        "/%zz",
        "/api/v1/breakers/%ff%fe",
        "/api/v1/breakers/%00/open",
        "/api/v1/breakers/../../x",
        "/api/v1/breakers/a/b/c/d",
        "/?%",
        &long,
        "*",
    ];
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"];
    let headers = ["authorization: Bearer \u{fffd}", "origin: \u{1f}", "content-type: ;;;,,,"];
    let paths = paths.iter().flat_map(|path| methods.map(|method| (method, *path, "x: y")));
    let headers = headers.iter().flat_map(|header| {
        let order = "/api/v1/breakers/x/open";
        [("GET", BREAKERS, *header), ("POST", order, *header)]
    });
    for (method, path, header) in paths.chain(headers) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{header}\r\nconnection: close\r\n\r\n"
        );
        let mut raw = RawConnection::open(address).await?;
        raw.write(request.as_bytes()).await?;
        let answer = patiently("an answer", raw.read_to_end()).await;
        let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
        let is_clear = ["200", "400", "401", "403", "404", "405", "431"].contains(&&*status);
        let shown = String::from_utf8_lossy(&answer).into_owned();
        assert!(is_clear, "{method} {path:.40} with {header:?}: {shown:.200}");
    }
    assert_eq!(stage.get("/healthz").await.text(), "ok");
    assert_no_trap(&stage.scene);
    Ok(())
}

#[tokio::test]
async fn its_routes_are_none_on_the_traffic_listener() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    let sent = |answer: &Answer| answer.breaker().is_none() && !answer.text().contains("breakers");
    for call in
        [Call::get("/"), Call::get("/healthz"), Call::get(BREAKERS), order("open", &json!({}))]
    {
        let before = stage.scene.provider.calls();
        let answer = stage.scene.send(&call).await;
        assert!(sent(&answer), "{}", answer.text());
        assert_eq!(stage.scene.provider.calls(), before + 1, "{call:?}");
    }
    assert_eq!(stage.breaker().await["override"], json!(null));
    stage.scene.open().await;
    assert_blocked(&stage.scene.send(&Call::get(BREAKERS)).await);
    Ok(())
}

#[tokio::test]
async fn where_envoys_option_is_missing_a_body_gets_501_and_what_to_set() -> Outcome {
    let document = json!({"role": "admin", "admin": {"token": TOKEN}});
    let status = status_listener()
        .configuration(&document)
        .plugin_patch(json!({"allow_on_headers_stop_iteration": false}));
    let stage = Stage::set_as(&json!({}), status, |envoy| envoy).await?;
    stage.scene.open().await;
    let answer = stage.send(&order("close", &json!({}))).await;
    assert_eq!(code(&answer), (501, json!("bodies_unreadable")));
    assert!(answer.text().contains("allow_on_headers_stop_iteration: true"));
    let bare = Call::new(Method::POST, &format!("{OPENAI_PATH}/close"))
        .header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(stage.send(&bare).await.status.as_u16(), 200, "no body is needed");
    Ok(())
}

#[tokio::test]
async fn a_cluster_that_is_named_like_a_path_is_found_by_its_key() -> Outcome {
    let name = "a/../b?c=%2F|&d";
    let provider = llm_breaker_host_tests::simulator::Simulator::start().await?;
    let stage = Stage::set_as(&json!({}), status_listener(), |envoy| {
        envoy.cluster(Cluster::at(name, provider.address())).route(Route::to(name))
    })
    .await?;
    stage.scene.call().await;
    let path = "/api/v1/breakers/a%2F..%2Fb%3Fc%3D%252F%7C%26d";
    assert_eq!(super::stage::documented(&stage.get(path).await)["cluster"], name);
    let ordered = stage.send(&order_to(path, "open", &json!({}))).await;
    assert_eq!(ordered.status.as_u16(), 200, "{}", ordered.text());
    assert_blocked(&stage.scene.call().await);
    Ok(())
}
