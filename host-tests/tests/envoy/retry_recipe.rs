//! `envoy/llm-retry-next-provider.yaml`: a call that fails at one provider is answered by the next.

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Received, Simulator};

use crate::scene::{CLOSED, OPEN, Outcome, assert_blocked, assert_reached, value};

const SHIPPED: &str = "llm-retry-next-provider.yaml";
const NEXT: &str = "outbound|443||eu.api.openai.com";

struct Gateway {
    first: Simulator,
    next: Simulator,
    envoy: Envoy,
}

impl Gateway {
    async fn start() -> Outcome<Self> {
        let (first, next) = (Simulator::start().await?, Simulator::start().await?);
        let envoy = Envoy::builder()
            .shipped(SHIPPED)
            .cluster(Cluster::at(OPENAI, first.address()))
            .cluster(Cluster::at(NEXT, next.address()))
            .listener(Listener::default().shipped_routes())
            .start()
            .await?;
        Ok(Self { first, next, envoy })
    }

    async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.envoy.client().send(call)).await.expect("an answer")
    }
}

fn chat() -> Call {
    Call::chat().header("authorization", "Bearer of-the-client")
}

/// Whom a call was meant for, by its host and its key.
fn meant_for(call: &Received) -> (&str, &str) {
    let text = |name| call.headers[name].to_str().expect("visible ASCII");
    (text("host"), text("authorization"))
}

#[tokio::test]
async fn the_next_provider_answers_with_its_own_key() -> Outcome {
    let gateway = Gateway::start().await?;
    let failures = [Behaviour::status(500), Behaviour::status(429), Behaviour::Close];
    for failure in failures {
        gateway.first.queue([failure]);
        assert_reached(&gateway.send(&chat()).await, 200);
    }
    let (first, next) = (gateway.first.received(), gateway.next.received());
    assert_eq!((first.len(), next.len()), (3, 3));
    for (first, next) in first.iter().zip(&next) {
        assert_eq!(meant_for(first), ("api.openai.com", "Bearer OPENAI_API_KEY"));
        assert_eq!(meant_for(next), ("eu.api.openai.com", "Bearer OPENAI_EU_API_KEY"));
        assert_eq!((&first.path, &first.body), (&next.path, &next.body));
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_passed_over() -> Outcome {
    let Gateway { first, next, envoy } = Gateway::start().await?;
    drop(first);
    let answer = patiently("an answer", envoy.client().send(&chat())).await?;
    assert_reached(&answer, 200);
    assert_eq!(next.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn the_first_ones_breaker_stands_for_all_of_them() -> Outcome {
    let gateway = Gateway::start().await?;
    let state = async || value(&gateway.envoy.stats().await, OPENAI, "state", &[]);
    gateway.first.behave(Behaviour::status(500));
    for _ in 0..10 {
        assert_reached(&gateway.send(&chat()).await, 200);
    }
    assert_eq!(state().await, CLOSED);

    gateway.next.behave(Behaviour::status(500));
    for _ in 0..5 {
        assert_reached(&gateway.send(&chat()).await, 500);
    }
    assert_eq!(state().await, OPEN);
    assert_blocked(&gateway.send(&chat()).await);
    assert_eq!((gateway.first.calls(), gateway.next.calls()), (15, 15));
    Ok(())
}

#[tokio::test]
async fn no_provider_is_asked_twice() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.first.behave(Behaviour::status(500));
    gateway.next.behave(Behaviour::status(503));
    assert_reached(&gateway.send(&chat()).await, 503);
    assert_eq!((gateway.first.calls(), gateway.next.calls()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn what_another_provider_would_answer_alike_is_not_asked_again() -> Outcome {
    let gateway = Gateway::start().await?;
    for status in [400, 401, 403, 404, 413, 422] {
        gateway.first.queue([Behaviour::status(status)]);
        assert_reached(&gateway.send(&chat()).await, status);
    }
    gateway.first.queue([Behaviour::cut_after(2)]);
    let cut = gateway.send(&Call::streamed_chat()).await;
    assert_reached(&cut, 200);
    assert_eq!(cut.ending, Ending::Cut);
    assert_eq!(gateway.next.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_large_request_reaches_the_next_provider_whole_and_a_larger_one_the_first() -> Outcome {
    let gateway = Gateway::start().await?;
    let address = gateway.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        let upload = async |size_bytes| {
            let call = chat().body(vec![b' '; size_bytes]);
            patiently("an answer", client.send(&call)).await.expect("an answer")
        };
        // The provider answers once it has the whole request.
        gateway.first.queue([Behaviour::status(500)]);
        assert_reached(&upload(10 << 20).await, 200);
        assert_eq!(gateway.next.received().pop().expect("a call").body.len(), 10 << 20);

        // More than Envoy keeps: it is sent once.
        gateway.first.queue([Behaviour::status(500)]);
        assert_reached(&upload(20 << 20).await, 500);
        assert_eq!(gateway.first.received().pop().expect("a call").body.len(), 20 << 20);
    }
    assert_eq!((gateway.first.calls(), gateway.next.calls()), (4, 2));
    Ok(())
}
