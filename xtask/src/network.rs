//! The node's own address: on a bridge device without ports, because some kernels have no dummy device.

use std::process::Command;

use anyhow::Result;

use crate::command::output;

/// Device that carries the node address.
const DEVICE: &str = "ck8s0";

/// The address that pods, people's browsers and the stand-ins share.
pub(crate) const NODE_ADDRESS: &str = "172.31.255.1";

/// Creates the device with its address, where it is not there already.
pub(crate) fn ensure_node_address() -> Result<()> {
    if output(ip().args(["link", "show", "dev", DEVICE])).is_err() {
        output(ip().args(["link", "add", DEVICE, "type", "bridge"]))?;
    }
    let address = format!("{NODE_ADDRESS}/32");
    output(ip().args(["address", "replace", &address, "dev", DEVICE]))?;
    output(ip().args(["link", "set", DEVICE, "up"]))?;
    Ok(())
}

/// Removes the device; one that is not there is fine.
pub(crate) fn remove_node_address() -> Result<()> {
    if output(ip().args(["link", "show", "dev", DEVICE])).is_ok() {
        output(ip().args(["link", "delete", DEVICE]))?;
    }
    Ok(())
}

fn ip() -> Command {
    Command::new("ip")
}
