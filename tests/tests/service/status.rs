//! What `netctl status` and `top` show.

use super::*;

#[test]
fn status_fits_one_screen_and_top_shows_what_grows() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    host.run("web", &["--network", "web", "-p", "8080:80"], &["sleep", "infinity"])?;
    let screen = host.ok(&["status"])?;
    assert!(screen.lines().count() <= 24, "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    for line in [
        "netd  ",
        "up for  ",
        "networks    4",
        "published   2 ports",
        "flows  ",
        "drops  ",
        "uplinks     eth0 ",
    ] {
        assert!(screen.lines().any(|l| l.starts_with(line)), "{line}: {screen}");
    }
    assert!(
        screen.lines().any(|l| l.starts_with("programs  ") && l.contains(" loaded")),
        "{screen}"
    );
    let status: Value = client(&host).get("/v1/status")?;
    let programs = status["Programs"].as_array().context("no programs")?;
    assert!(programs.iter().all(|program| program["Current"] == true), "{programs:?}");
    for name in ["container_out", "container_in", "uplink_in", "uplink_out", "host_connect4"] {
        assert!(programs.iter().any(|program| program["Name"] == name), "{name}: {programs:?}");
    }
    // The neighbour's packets to a container's own address are dropped.
    let (address, _) = host.addresses("web", "web")?;
    host.neighbour.run(&format!("ip route add {address}/32 via 198.51.100.2"))?;
    let top = std::thread::scope(|scope| {
        let knocking =
            scope.spawn(|| shell(&host.neighbour, &format!("ping -q -i 0.02 -w 5 {address}")));
        let grows =
            || host.ok(&["top", "-d", "1", "-n", "1"]).is_ok_and(|top| top.contains("(eth0)"));
        let seen = wait(SOON, grows);
        drop(knocking.join());
        seen
    });
    assert!(top, "{:?}", host.ok(&["drops"]));
    assert!(wait(SOON, || {
        let status = client(&host).get::<Value>("/v1/status");
        status.is_ok_and(|status| status["DropsPerSecond"].as_u64() > Some(0))
    }));
    Ok(())
}
