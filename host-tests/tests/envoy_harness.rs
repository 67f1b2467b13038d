//! The harness for the real Envoy, the simulator and the client do what the scenarios rely on.
//!
//! Our filter is left out here, so that a failure says which side is broken.

use llm_breaker_host_tests::client::{Call, Client, Ending, RawConnection};
use llm_breaker_host_tests::envoy::{
    Builder, Cluster, Envoy, Listener, OPENAI, Route, StartError, Update,
};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator, StreamEnd};
use serde_json::json;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn without_filter() -> Listener {
    Listener::default().without_plugin()
}

fn in_front_of(simulator: &Simulator) -> Builder {
    Envoy::builder().cluster(Cluster::at(OPENAI, simulator.address())).listener(without_filter())
}

#[tokio::test]
async fn a_call_passes_through_the_shipped_yaml() -> Outcome {
    let simulator = Simulator::start().await?;
    let envoy = in_front_of(&simulator).start().await?;

    let answer = envoy.client().send(&Call::chat().header("x-tenant", "a")).await?;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "stop");
    assert!(answer.until_headers <= answer.elapsed);

    let answer = envoy.client().send(&Call::streamed_chat()).await?;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text().matches("Hello ").count(), 3);
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());

    let received = simulator.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].method, "POST");
    assert_eq!(received[0].path, "/v1/chat/completions");
    assert_eq!(received[0].headers["host"], "api.openai.com");
    assert_eq!(received[0].headers["x-tenant"], "a");
    assert!(received[0].body.starts_with(b"{"));
    let lines = envoy.access_log().wait_for_count(2, |line| line.contains("via_upstream")).await;
    assert!(lines.iter().all(|line| line.contains(OPENAI)), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn the_queue_comes_first_and_the_behaviour_after_it() -> Outcome {
    let simulator = Simulator::start().await?;
    let client = Client::http1(simulator.address());
    simulator.behave(Behaviour::status(402));
    simulator.queue([
        Behaviour::status_with_header(429, "retry-after", "7"),
        Behaviour::Healthy.after_milliseconds(1),
    ]);

    let limited = client.send(&Call::chat()).await?;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, Some("7")));
    assert_eq!(limited.json()["error"]["type"], "simulated_error");
    assert_eq!(client.send(&Call::chat()).await?.status, 200);
    assert_eq!(client.send(&Call::chat()).await?.status, 402);
    assert_eq!(client.send(&Call::chat()).await?.status, 402);
    assert_eq!((simulator.calls(), simulator.in_flight()), (4, 0));
    Ok(())
}

#[tokio::test]
async fn hanging_calls_stay_in_flight_until_they_are_released() -> Outcome {
    let simulator = Simulator::start().await?;
    let client = Client::http1(simulator.address());
    simulator.behave(Behaviour::Hang);
    let burst = tokio::spawn(async move { client.burst(20, &Call::chat()).await });
    simulator.wait_for_in_flight(20).await;
    assert!(!burst.is_finished());

    simulator.release();
    assert!(burst.await?.iter().all(|answer| answer.status == 200));
    simulator.wait_for_in_flight(0).await;
    assert_eq!(simulator.calls(), 20);
    Ok(())
}

#[tokio::test]
async fn a_dropped_call_hangs_up_before_and_after_the_headers() -> Outcome {
    let simulator = Simulator::start().await?;
    let envoy = in_front_of(&simulator).start().await?;
    for client in [Client::http1(envoy.address()), Client::http2(envoy.address())] {
        simulator.behave(Behaviour::Hang);
        let call = tokio::spawn(async move { client.send(&Call::chat()).await });
        simulator.wait_for_in_flight(1).await;
        call.abort();
        simulator.wait_for_in_flight(0).await;

        simulator.behave(Behaviour::hang_after(2));
        let mut answer = client.open(&Call::streamed_chat()).await?;
        assert_eq!(answer.status(), 200);
        assert!(answer.next().await.is_some());
        drop(answer);
        simulator.wait_for_in_flight(0).await;
    }
    // Flags for a closed connection and for a reset HTTP/2 stream.
    for flags in [r#""flags":"DC""#, r#""flags":"DR""#] {
        envoy.access_log().wait_for_count(2, |line| line.contains(flags)).await;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_can_be_cut_short_in_every_way() -> Outcome {
    let simulator = Simulator::start().await?;
    for client in [Client::http1(simulator.address()), Client::http2(simulator.address())] {
        simulator.behave(Behaviour::cut_after(4));
        let answer = client.send(&Call::chat()).await?;
        assert_eq!((answer.status.as_u16(), answer.ending), (200, Ending::Cut));
        assert_eq!(answer.text().matches("data:").count(), 4);

        let end = StreamEnd::Silent;
        simulator.behave(Behaviour::Stream { events: 2, interval_milliseconds: 1, end });
        let answer = client.send(&Call::chat()).await?;
        assert_eq!(answer.ending, Ending::Whole);
        assert!(!answer.text().contains("[DONE]"));

        simulator.behave(Behaviour::ShortBody);
        let answer = client.send(&Call::chat()).await?;
        assert_eq!((answer.body.len(), answer.ending), (10, Ending::Cut));

        simulator.behave(Behaviour::Close);
        assert!(client.send(&Call::chat()).await.is_err());
    }
    Ok(())
}

#[tokio::test]
async fn trailers_reach_the_client_over_http2() -> Outcome {
    let simulator = Simulator::start().await?;
    let cluster = Cluster::at(OPENAI, simulator.address()).http2();
    let envoy = Envoy::builder().cluster(cluster).listener(without_filter()).start().await?;
    simulator.behave(Behaviour::grpc(14));

    let answer = Client::http2(envoy.address()).send(&Call::chat()).await?;
    assert_eq!((answer.status.as_u16(), answer.ending), (200, Ending::Whole));
    assert_eq!(answer.trailers["grpc-status"], "14");
    Ok(())
}

#[tokio::test]
async fn a_refusing_simulator_keeps_its_port_and_comes_back() -> Outcome {
    let mut simulator = Simulator::start().await?;
    let envoy = in_front_of(&simulator).start().await?;
    assert_eq!(envoy.client().send(&Call::chat()).await?.status, 200);
    let address = simulator.address();

    simulator.refuse().await;
    // On a connection that Envoy has not seen closing yet, the call would be reset, not refused.
    let cluster = [("envoy_cluster_name", OPENAI)];
    envoy.wait_for_stat("envoy_cluster_upstream_cx_active", &cluster, |open| open == 0.0).await;
    assert_eq!(envoy.client().send(&Call::chat()).await?.status, 503);
    envoy.access_log().wait_for(|line| line.contains("Connection_refused")).await;
    let thief = Simulator::start_on(address).await.expect_err("the port is reserved");
    assert_eq!(thief.kind(), std::io::ErrorKind::AddrInUse);

    simulator.accept().await?;
    assert_eq!(envoy.client().send(&Call::chat()).await?.status, 200);
    assert_eq!((simulator.address(), simulator.calls()), (address, 2));
    Ok(())
}

#[tokio::test]
async fn an_upload_can_stay_unfinished() -> Outcome {
    let simulator = Simulator::start().await?;
    let limits = json!({"request_timeout": "0.2s"});
    let listener = without_filter().connection_manager_patch(limits);
    let cluster = Cluster::at(OPENAI, simulator.address());
    let envoy = Envoy::builder().cluster(cluster).listener(listener).start().await?;

    let mut connection = RawConnection::open(envoy.address()).await?;
    connection.start_upload(1000, 10).await?;
    let answer = patiently("Envoy's 408", connection.read_to_end()).await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[tokio::test]
async fn a_simulator_is_steered_over_http() -> Outcome {
    let simulator = Simulator::start().await?;
    let (control, serving) = simulator.control(([127, 0, 0, 1], 0).into()).await?;
    let serving = tokio::spawn(serving);
    let (user, client) = (Client::http1(control), Client::http1(simulator.address()));
    let put = |body: &str| {
        Call::new("PUT".parse().expect("a method"), "/behaviour").body(body.to_owned())
    };

    let done = user.send(&put(r#"{"kind": "status", "status": 529}"#)).await?;
    assert_eq!(done.status, 200);
    let queue = json!([{"kind": "status", "status": 500, "headers": {"x-a": "b"}, "body": "no"}]);
    assert_eq!(user.send(&Call::post_json("/queue", &queue)).await?.status, 200);
    assert_eq!(client.send(&Call::chat()).await?.text(), "no");
    assert_eq!(client.send(&Call::chat()).await?.status, 529);
    assert_eq!(user.send(&Call::get("/")).await?.json(), json!({"calls": 2, "in_flight": 0}));

    let script = r#"{"kind": "script", "headers": {"content-type": "text/plain"}, "end": "silent", "chunks":
        [{"body": "a"}, {"after": "release", "body": {"base64": "/w=="}}, {"after": {"milliseconds": 1}, "body": ""}]}"#;
    assert_eq!(user.send(&put(script)).await?.status, 200);
    let mut scripted = client.open(&Call::chat()).await?;
    assert_eq!(scripted.headers()["content-type"], "text/plain");
    assert_eq!(scripted.next().await.as_deref(), Some(&b"a"[..]));
    user.send(&Call::post_json("/release", &json!(null))).await?;
    assert_eq!(scripted.read_to_end().await.body, [0xff][..]);

    let refused = user.send(&put(r#"{"kind": "sulk"}"#)).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("sulk"), "{}", refused.text());
    assert_eq!(user.send(&Call::get("/else")).await?.status, 404);
    serving.abort();
    Ok(())
}

#[tokio::test]
async fn every_label_comes_out_of_a_stat_name_unharmed() -> Outcome {
    let labels = [
        ("llm_cluster", "outbound|443||api.openai.com"),
        ("llm_model", "gpt-4.1/mini"),
        ("category", "rate_limited"),
        ("from", "closed"),
        ("to", "open"),
        ("kind", "error"),
        ("result", "failure"),
        ("reason", "to_large"),
        ("direction", "from"),
    ];
    let encoded: String = labels.map(|(name, value)| format!("{name}=.={value};.;")).concat();
    // A cluster's stats may be named at will: a metric with labels, without any filter.
    let cluster = Cluster::empty("any").patch(json!({"alt_stat_name": format!("any.{encoded}")}));
    let envoy = Envoy::builder().cluster(cluster).listener(without_filter()).start().await?;

    let stats = envoy.stats().await;
    let mut expected = vec![("envoy_cluster_name", "any")];
    expected.extend(labels);
    let name = "envoy_cluster__membership_total";
    assert_eq!(stats.value(name, &expected), Some(0.0), "{:?}", stats.lines(name));
    Ok(())
}

#[tokio::test]
async fn an_update_reaches_every_worker_and_a_bad_one_changes_nothing() -> Outcome {
    let answers = |status| without_filter().route(Route::direct_response(status, "updated"));
    let cluster = Cluster::empty("any");
    let builder = Envoy::builder().cluster(cluster).listener(answers(201));
    let mut envoy = builder.updatable().start().await?;
    let address = envoy.address();
    let statuses = async || {
        let answers = Client::http1(address).burst(20, &Call::chat()).await;
        answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, [201; 20]);

    assert_eq!(envoy.update(answers(202)).await?, Update::Applied);
    assert_eq!(statuses().await, [202; 20]);
    let wrong = answers(203).connection_manager_patch(json!({"stat_prefix": ""}));
    assert_eq!(envoy.update(wrong).await?, Update::Rejected);
    assert_eq!(statuses().await, [202; 20]);
    assert_eq!(envoy.update(answers(204)).await?, Update::Applied);
    assert_eq!(statuses().await, [204; 20]);
    Ok(())
}

#[tokio::test]
async fn routes_and_listeners_lead_to_their_own_clusters() -> Outcome {
    let (left, right) = (Simulator::start().await?, Simulator::start().await?);
    let routed = without_filter()
        .route(Route::to("right").header("x-side", "right"))
        .route(Route::direct_response(418, "teapot").prefix("/teapot"))
        .route(Route::to("left"));
    let envoy = Envoy::builder()
        .cluster(Cluster::at("left", left.address()))
        .cluster(Cluster::at("right", right.address()))
        .listener(routed)
        .listener(Listener::new("second").without_plugin().route(Route::to("right")))
        .start()
        .await?;

    envoy.client().send(&Call::chat()).await?;
    assert_eq!((left.calls(), right.calls()), (1, 0));
    envoy.client().send(&Call::chat().header("x-side", "right")).await?;
    Client::http1(envoy.address_of("second")).send(&Call::chat()).await?;
    assert_eq!((left.calls(), right.calls()), (1, 2));
    assert_eq!(envoy.client().send(&Call::chat().path("/teapot")).await?.status, 418);
    Ok(())
}

#[tokio::test]
async fn validation_tells_a_good_configuration_from_a_bad_one() -> Outcome {
    let good = Envoy::builder().cluster(Cluster::empty("any")).listener(without_filter());
    let bad = good.clone().cluster(Cluster::empty("any"));
    let verdict = good.validate().await?;
    assert!(verdict.is_ok, "{}", verdict.output);
    let verdict = bad.validate().await?;
    assert!(!verdict.is_ok);
    assert!(verdict.output.contains("duplicate"), "{}", verdict.output);
    Ok(())
}

#[tokio::test]
async fn what_keeps_envoy_from_starting_is_said() -> Outcome {
    async fn failure(builder: Builder) -> StartError {
        builder.start().await.expect_err("an Envoy that cannot start")
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let any = Envoy::builder().cluster(Cluster::empty("any"));

    let listener = without_filter().port(port);
    let said = failure(any.clone().listener(listener)).await.to_string();
    assert!(said.contains("Address already in use"), "{said}");

    let listener = Listener::default().module("/no/such/module.wasm".as_ref());
    let said = failure(any.listener(listener)).await.to_string();
    assert!(said.contains("/no/such/module.wasm") && said.contains("make build"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_envoy_is_gone() -> Outcome {
    let builder = Envoy::builder().cluster(Cluster::empty("any")).listener(without_filter());
    let envoy = builder.start().await?;
    let process = format!("/proc/{}/cmdline", envoy.pid().expect("a running process"));
    assert!(std::fs::read_to_string(&process)?.contains("bootstrap.json"));

    drop(envoy);
    // A process that ended but was not waited for yet has no command line any more.
    let gone = async {
        while std::fs::read_to_string(&process).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("the end of the process", gone).await;
    Ok(())
}
