//! Links, as the walkthroughs have them.

use super::*;

/// What a container that ends at once prints.
fn prints(host: &TestHost, options: &[&str], command: &[&str]) -> Result<String> {
    host.ok(&[&["run", "--rm"][..], options, &["--"], command].concat())
}

#[test]
fn a_link_on_the_default_network_is_environment_and_a_line_in_hosts() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let redis = ["--expose", "6379", "-e", "COLOUR=red", "-e", "HOME=/x"];
    let id = host.run("redis-server", &redis, &["python3", "-m", "http.server", "6379"])?;
    let address = host.addresses("redis-server", "bridge")?.0;
    let link = ["--name", "me", "--link", "redis-server:redis", "-e", "REDIS_ENV_COLOUR=blue"];
    let environment = prints(&host, &link, &["env"])?;
    let has = |line: &str| environment.lines().any(|found| found == line);
    for line in [
        format!("REDIS_PORT=tcp://{address}:6379"),
        format!("REDIS_PORT_6379_TCP=tcp://{address}:6379"),
        format!("REDIS_PORT_6379_TCP_ADDR={address}"),
        "REDIS_PORT_6379_TCP_PORT=6379".to_owned(),
        "REDIS_PORT_6379_TCP_PROTO=tcp".to_owned(),
        "REDIS_NAME=/me/redis".to_owned(),
        // What a container was given itself wins.
        "REDIS_ENV_COLOUR=blue".to_owned(),
    ] {
        assert!(has(&line), "no {line} in\n{environment}");
    }
    assert!(!environment.contains("REDIS_ENV_HOME"), "{environment}");
    let line = format!("{address}\tredis {} redis-server\n", &id[..12]);
    let hosts = prints(&host, &link[2..4], &["cat", "/etc/hosts"])?;
    assert!(hosts.contains(&line), "no {line} in\n{hosts}");
    prints(&host, &link[2..4], &["ping", "-c", "1", "-W", "5", "redis"])?;
    let get = ["curl", "-s", "--noproxy", "*", "-m", "5", "-o", "/dev/null", "http://redis:6379/"];
    assert!(wait(SOON, || prints(&host, &link[2..4], &get).is_ok()));
    Ok(())
}

#[test]
fn a_link_on_the_default_network_stays_as_it_was_at_the_start() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("server", &["--expose", "1234"], &["sleep", "infinity"])?;
    host.run("client", &["--link", "server"], &["sleep", "infinity"])?;
    let links = "{{.HostConfig.Links}} {{json .NetworkSettings.Networks.bridge.Links}}";
    assert_eq!(field(&host, "client", links)?, "[/server:/client/server] []");
    let seen = || -> Result<String> {
        let script = "env | grep SERVER | sort; grep server /etc/hosts; ping -c 1 -W 5 server >&2";
        Ok(text(&host.exec("client", &["sh", "-c", script])?.stdout))
    };
    let before = seen()?;
    assert!(before.contains("SERVER_PORT_1234_TCP_PORT=1234") && before.contains("\tserver "));
    host.ok(&["rm", "-f", "server"])?;
    host.idle("stranger", "bridge")?;
    host.idle("server", "bridge")?;
    assert_eq!(seen()?, before);
    Ok(())
}

#[test]
fn a_link_on_a_user_defined_network_is_a_name_and_nothing_else() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "back"])?;
    host.ok(&["network", "create", "front"])?;
    host.run("redis", &["--network", "back", "--expose", "6379"], &["sleep", "infinity"])?;
    // One that is not there yet is one that may come.
    let links = ["--network", "back", "--link", "redis:db", "--link", "later:other"];
    host.run("web", &links, &["sleep", "infinity"])?;
    let shown = "{{.NetworkSettings.Networks.back.Links}} {{.HostConfig.Links}}";
    assert_eq!(field(&host, "web", shown)?, "[redis:db later:other] []");
    let inside = text(&host.exec("web", &["sh", "-c", "env; cat /etc/hosts"])?.stdout);
    assert!(!inside.contains("DB_") && !inside.contains("redis"), "{inside}");
    host.ok(&["network", "connect", "--link", "redis:r", "front", "web"])?;
    assert_eq!(field(&host, "web", "{{.NetworkSettings.Networks.front.Links}}")?, "[redis:r]");
    Ok(())
}
