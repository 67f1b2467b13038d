//! The harness for the real etcd does what the tests of a fleet rely on.

use std::time::Duration;

use llm_breaker_host_tests::etcd::{Certificates, Etcd};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn what_is_put_is_there_until_it_is_deleted_or_its_lease_ends() -> Outcome {
    let etcd = Etcd::start().await?;
    let control = etcd.control();
    control.put("/a/1", "one").await?;
    control.put("/a/2", "-- two").await?;
    control.put("/b/1", "another").await?;
    let entries = control.entries("/a/").await?;
    let shown: Vec<_> = entries.iter().map(|it| (it.key.as_str(), it.value.as_str())).collect();
    assert_eq!(shown, [("/a/1", "one"), ("/a/2", "-- two")]);
    assert!(entries[0].mod_revision < entries[1].mod_revision);
    assert_eq!(control.revision().await?, entries[1].mod_revision + 1);
    control.delete_prefix("/a/").await?;
    assert!(control.entries("/a/").await?.is_empty());

    control.put_for("/a/short", "for a while", 2).await?;
    assert_ne!(control.entries("/a/").await?[0].lease, 0);
    let watch = control.watch("/a/", 0)?;
    watch.wait_for(|event| event.is_deleted && event.entry.key == "/a/short").await;
    Ok(())
}

#[tokio::test]
async fn a_watch_tells_what_happens_in_the_order_of_the_store() -> Outcome {
    let etcd = Etcd::start().await?;
    let control = etcd.control();
    let watch = control.watch("/a/", 1)?;
    for number in 0..3 {
        control.put("/a/key", &number.to_string()).await?;
    }
    watch.wait_for(|event| event.entry.value == "2").await;
    let values: Vec<_> = watch.events().into_iter().map(|event| event.entry.value).collect();
    assert_eq!(values, ["0", "1", "2"]);
    Ok(())
}

#[tokio::test]
async fn it_forgets_what_is_compacted_and_keeps_what_is_there() -> Outcome {
    let etcd = Etcd::start().await?;
    let control = etcd.control();
    for number in 0..3 {
        control.put("/a", &number.to_string()).await?;
    }
    control.compact().await?;
    assert!(control.run(&["get", "/a", "--rev", "2"]).await.is_err());
    assert_eq!(control.entries("/a").await?[0].value, "2");
    Ok(())
}

#[tokio::test]
async fn stopped_it_refuses_frozen_it_hangs_wiped_it_knows_nothing() -> Outcome {
    let mut etcd = Etcd::start().await?;
    let control = etcd.control();
    control.put("/a", "1").await?;

    etcd.stop().await?;
    assert_eq!(etcd.pid(), None);
    let refused = tokio::net::TcpStream::connect(etcd.address()).await;
    assert!(refused.is_err(), "nobody listens");
    etcd.start_again().await?;
    assert_eq!(control.entries("/a").await?.len(), 1, "it has its data still");

    etcd.freeze().await?;
    tokio::net::TcpStream::connect(etcd.address()).await?;
    let asked = control.run(&["--command-timeout", "1s", "get", "/a"]).await;
    assert!(asked.is_err(), "it accepts, and says nothing");
    etcd.thaw().await?;
    assert_eq!(control.entries("/a").await?.len(), 1);

    let before = control.revision().await?;
    etcd.wipe().await?;
    etcd.start_again().await?;
    assert!(control.entries("/a").await?.is_empty());
    assert!(control.revision().await? < before, "it counts afresh");
    Ok(())
}

#[tokio::test]
async fn it_is_filled_by_the_thousand() -> Outcome {
    let etcd = Etcd::start().await?;
    etcd.fill("/foreign/", 1_000, "x").await?;
    assert_eq!(etcd.control().entries("/foreign/").await?.len(), 1_000);
    Ok(())
}

#[tokio::test]
async fn by_tls_it_knows_who_asks() -> Outcome {
    let certificates = Certificates::make(&["proxy"])?;
    let etcd = Etcd::start_with(Some(&certificates), &[]).await?;
    let root = etcd.control();
    for arguments in [
        &["user", "add", "--no-password", "root"][..],
        &["role", "add", "root"],
        &["user", "grant-role", "root", "root"],
        &["auth", "enable"],
    ] {
        root.run(arguments).await?;
    }
    root.put("/a", "1").await?;
    let refused = root.clone().as_user("proxy").put("/a", "2").await.expect_err("no such user");
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn dropping_it_kills_it() -> Outcome {
    let etcd = Etcd::start().await?;
    let pid = etcd.pid().expect("a process");
    drop(etcd);
    let gone = async {
        while std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|it| !it.contains(") Z "))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    llm_breaker_host_tests::patience::patiently("the end of etcd", gone).await;
    Ok(())
}
