//! The journey, between processes, some of which are killed on the way.

use std::time::{Duration, Instant};

use crate::parties::{Forwarder, Killer, Program, Site};
use crate::{Scratch, example};

/// Runs a device until its integrator has ended. Gives what the integrator said.
#[track_caller]
fn until_done(site: &Site, user: &str, integrator: Program) -> (Option<i32>, String) {
    let end = Instant::now() + Duration::from_secs(60);
    while integrator.ended().is_none() {
        assert!(Instant::now() < end, "no end: {}", integrator.said());
        site.device(user, &["run", "--once", "--yes"], "").end();
    }
    integrator.end()
}

#[test]
fn three_programs_do_the_whole_journey_with_what_the_hub_prints() {
    let (Some(hub), Some(integrator), Some(device)) =
        (example("hub"), example("integrator"), example("device"))
    else {
        return;
    };
    let callbacks = Forwarder::new(Killer::default());
    let hub = Program::start(
        &hub,
        &["--listen", "127.0.0.1:0", "--callback-url", &callbacks.url],
        &[],
        "",
    );
    let url = format!("{}/hermod/rest", hub.line("listening on "));
    assert!(hub.line("X-Api-Key: ").len() > 80);
    let (key, auth) =
        (hub.line("export KEYFERRY_API_KEY="), hub.line("export KEYFERRY_CALLBACK_AUTH="));

    let scratch = Scratch::new();
    let folder = scratch.path("device");
    let run = |arguments: &[&str]| {
        Program::start(&device, &[arguments, &["--folder", &folder]].concat(), &[], "y\n").end()
    };
    let pin = scratch.write("pin.json", run(&["attestation-key"]).1.as_bytes());
    assert_eq!(run(&["attestation-key"]).1.as_bytes(), scratch.read("pin.json"), "it is made once");

    let arguments = [
        "--hub",
        &url,
        "--listen",
        "127.0.0.1:0",
        "--attestation-key",
        &pin,
        "--sign",
        "a contract",
    ];
    let variables = [("KEYFERRY_API_KEY", key.as_str()), ("KEYFERRY_CALLBACK_AUTH", auth.as_str())];
    let integrator = Program::start(&integrator, &arguments, &variables, "");
    callbacks.to(&integrator.line("listening on "));
    let link = format!("com.{}", integrator.line("com."));
    // The user is asked, and types `y`.
    let (status, said) = run(&["activate", &link, "--hub", &url]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("asks to make a new profile with 1 key")
            && said.contains("[y/N]")
            && said.contains("the hub has the answer"),
        "{said}"
    );
    integrator.line("* integrator: the certificates are with the hub");
    let said = loop {
        let (status, said) = run(&["run", "--once", "--hub", &url]);
        assert_eq!(status, Some(0), "{said}");
        if integrator.ended().is_some() {
            break integrator.end();
        }
    };
    assert_eq!(said.0, Some(0), "{}", said.1);
    for part in [
        "a pinned key attests it",
        "the certificates are installed",
        "\"a contract\" is signed with the key p256",
        "\u{2588}",
    ] {
        assert!(said.1.contains(part), "{part}: {}", said.1);
    }
    let (status, listed) = run(&["list"]);
    assert_eq!(status, Some(0));
    assert!(
        listed.contains("\"issuer\":\"CN=Example root,O=Example\"")
            && listed.contains("Card of userA"),
        "{listed}"
    );
    // Neither of them logs a secret.
    let log = hub.said();
    let after =
        log.split_once("export KEYFERRY_CALLBACK_AUTH").unwrap().1.split_once('\n').unwrap().1;
    let token = link.split_once("token=").unwrap().1;
    assert!(!after.contains(key.split_once(':').unwrap().1) && !after.contains(token), "{after}");
}

#[test]
fn a_device_that_is_killed_at_any_exchange_goes_on() {
    let killer = Killer::default();
    let Some(site) = Site::start(&killer, &Killer::default()) else { return };
    for pieces in 0.. {
        let user = format!("user{pieces}");
        let pin = site.attestation_key(&user);
        let integrator = site.integrator(&user, &["--attestation-key", &pin]);
        site.of_callbacks.to(&integrator.line("listening on "));
        let link = format!("com.{}", integrator.line("com."));
        killer.arm(pieces);
        let device = site.device(&user, &["activate", &link, "--yes"], "");
        killer.aim(&device);
        device.end();
        if !killer.is_armed() {
            // A stored link continues by itself; the user opens any other link again.
            site.device(&user, &["run", "--once", "--yes"], "").end();
            site.device(&user, &["activate", &link, "--yes"], "").end();
        }
        integrator.line("* integrator: the certificates are with the hub");
        if killer.is_armed() {
            let device = site.device(&user, &["run", "--once", "--yes"], "");
            killer.aim(&device);
            device.end();
        }
        let (status, said) = until_done(&site, &user, integrator);
        assert_eq!(status, Some(0), "killed at piece {pieces}: {said}");
        let (_, listed) = site.device(&user, &["list"], "").end();
        assert_eq!(
            (listed.matches("profile ").count(), listed.matches("fingerprint").count()),
            (1, 1),
            "killed at piece {pieces}: {listed}"
        );
        if killer.is_armed() {
            assert!(pieces > 10, "{pieces}");
            return;
        }
    }
}

#[test]
fn an_integrator_that_is_killed_at_any_exchange_goes_on() {
    is_killed_at_any_exchange(&[]);
}

#[test]
fn a_blocking_integrator_that_is_killed_at_any_exchange_goes_on() {
    is_killed_at_any_exchange(&["--blocking"]);
}

/// Kills an integrator at each exchange of the whole journey in turn, and starts it again. Each
/// journey ends with an installed certificate.
fn is_killed_at_any_exchange(more: &[&str]) {
    let killer = Killer::default();
    let Some(site) = Site::start(&Killer::default(), &killer) else { return };
    for pieces in 0.. {
        let user = format!("user{pieces}");
        let pin = site.attestation_key(&user);
        let state = site.scratch.path(&format!("{user}.state"));
        let arguments = [&["--attestation-key", &pin, "--state", &state], more].concat();
        let listens = !more.contains(&"--blocking");
        let start = || {
            let integrator = site.integrator(&user, &arguments);
            if listens {
                site.of_callbacks.to(&integrator.line("listening on "));
            }
            integrator
        };
        killer.arm(pieces);
        let mut integrator = site.integrator(&user, &arguments);
        killer.aim(&integrator);
        if listens {
            site.of_callbacks.to(&integrator.line("listening on "));
        }
        let end = Instant::now() + Duration::from_secs(60);
        let (status, said) = loop {
            assert!(
                Instant::now() < end,
                "no end, killed at piece {pieces}: {}",
                integrator.said()
            );
            match integrator.next_line() {
                // A link is opened whenever one is shown: one that was opened before says that it
                // has ended.
                Some(line) if line.starts_with("com.") => {
                    drop(site.device(&user, &["activate", &line, "--yes"], "").end())
                }
                Some(_) => {}
                None if integrator.ended().is_some_and(|status| status.code().is_none()) => {
                    integrator = start()
                }
                None if integrator.ended().is_some() => break integrator.end(),
                None => drop(site.device(&user, &["run", "--once", "--yes"], "").end()),
            }
        };
        assert_eq!(status, Some(0), "killed at piece {pieces}: {said}");
        let (_, listed) = site.device(&user, &["list"], "").end();
        assert!(listed.contains("fingerprint"), "killed at piece {pieces}: {listed}");
        if killer.is_armed() {
            assert!(pieces > 5, "{pieces}");
            return;
        }
    }
}

#[test]
fn a_blocking_integrator_polls_and_goes_on_from_its_file() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let pin = site.attestation_key("user");
    let state = site.scratch.path("state");
    let arguments = ["--blocking", "--attestation-key", &pin, "--state", &state];
    let link = {
        let integrator = site.integrator("user", &arguments);
        format!("com.{}", integrator.line("com."))
        // It is killed here.
    };
    let integrator = site.integrator("user", &arguments);
    assert_eq!(format!("com.{}", integrator.line("com.")), link);
    site.device("user", &["activate", &link, "--yes"], "").end();
    let (status, said) = until_done(&site, "user", integrator);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("continuing the journey")
            && said.contains("the certificates are installed")
            && !said.contains("listening"),
        "{said}"
    );
    let (status, said) = site.integrator("user", &arguments).end();
    assert_eq!(status, Some(0), "it is done: {said}");
}

#[test]
fn a_user_who_does_not_agree_ends_the_journey() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    for input in ["n\n", ""] {
        let integrator = site.integrator("user", &[]);
        site.of_callbacks.to(&integrator.line("listening on "));
        let link = format!("com.{}", integrator.line("com."));
        let (status, said) = site.device("user", &["activate", &link], input).end();
        assert_eq!(status, Some(0), "{said}");
        let (status, said) = integrator.end();
        assert_eq!(status, Some(1));
        assert!(said.contains("the user refused the provision command"), "{said}");
        assert_eq!(site.device("user", &["list"], "").end().1, "");
    }
}

#[test]
fn an_unpinned_device_is_not_attested() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    for accepted in [false, true] {
        let user = format!("user{accepted}");
        let integrator =
            site.integrator(&user, if accepted { &["--accept-unpinned"] } else { &[] });
        site.of_callbacks.to(&integrator.line("listening on "));
        let link = format!("com.{}", integrator.line("com."));
        site.device(&user, &["activate", &link, "--yes"], "").end();
        let (status, said) =
            if accepted { until_done(&site, &user, integrator) } else { integrator.end() };
        assert_eq!(status, Some(i32::from(!accepted)), "{said}");
        assert!(said.contains("the answer is consistent, but no pinned key"), "{said}");
    }
    let other = site.attestation_key("another");
    let integrator = site.integrator("pinned", &["--attestation-key", &other, "--accept-unpinned"]);
    site.of_callbacks.to(&integrator.line("listening on "));
    let link = format!("com.{}", integrator.line("com."));
    site.device("pinned", &["activate", &link, "--yes"], "").end();
    let (status, said) = integrator.end();
    assert_eq!(status, Some(1));
    assert!(said.contains("attestation"), "{said}");
}

#[test]
fn a_device_leaves_a_folder_that_is_not_its_own_as_it_is() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let folder = site.scratch.path("documents");
    std::fs::create_dir(&folder).unwrap();
    let note = format!("{folder}/notes.txt");
    std::fs::write(&note, "theirs").unwrap();
    let (status, said) = site.device("documents", &["list"], "").end();
    assert_eq!(status, Some(1));
    assert!(said.contains("--folder"), "{said}");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["notes.txt"]);
    // A folder that was made and left empty, and the device's own, are its own.
    std::fs::remove_file(&note).unwrap();
    for _ in 0..2 {
        let (status, said) = site.device("documents", &["attestation-key"], "").end();
        assert_eq!(status, Some(0), "{said}");
    }
}

#[test]
fn a_device_opens_links_of_its_hubs_only_and_one_process_has_its_folder() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let elsewhere = "com.nexusgroup.plugout:///?url=http%3A%2F%2F127.0.0.1%3A1%2Fhermod%2Frest%2Fms%2Fb1&token=s3cr3t";
    let (status, said) = site.device("user", &["activate", elsewhere, "--yes"], "").end();
    assert_eq!(status, Some(1));
    assert!(
        said.contains("target-refused") && !said.contains("s3cr3t") && said.lines().count() == 1,
        "{said}"
    );
    let running = site.device("user", &["run"], "");
    running.line("waiting for messages");
    let (status, said) = site.device("user", &["list"], "").end();
    assert_eq!(status, Some(1));
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn an_integrator_tells_of_a_hub_that_has_lost_its_memory() {
    for blocking in [true, false] {
        let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
        let pin = site.attestation_key("user");
        let state = site.scratch.path("state");
        let mut arguments = vec!["--attestation-key", &*pin, "--state", &*state];
        arguments.extend(blocking.then_some("--blocking"));
        let integrator = site.integrator("user", &arguments);
        integrator.line("com.");
        site.hub.signal("KILL");
        // The same hub, with an empty store.
        let config = site.scratch.path("hub.toml");
        let hub = Program::start(&example("hub").unwrap(), &["--config", &config], &[], "");
        site.of_integrator.to(&hub.line("listening on "));
        let (status, said) = integrator.end();
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains("the hub does not know the provision command any more")
                && said.contains("begin another"),
            "{said}"
        );
        // The file says so too.
        let (status, said) = site.integrator("user", &arguments).end();
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("does not know the provision command"), "{said}");
    }
}
