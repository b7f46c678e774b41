//! The network as far as it was granted: every connection is held against the list of hosts and ports.
//!
//! A name is granted, an address is connected to: what a granted name resolves to may be connected to on the ports that were
//! granted with the name, and nothing else. Nobody may listen.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use wasmill_engine::parts::Denied;
use wasmill_model::NetGrant;
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddress, Network as NetworkResource};
use wasmtime_wasi::p2::{DynPollable, IoError, SocketError};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

/// What a call may reach.
pub(crate) struct Network {
    grants: Vec<NetGrant>,
    denied: Arc<Denied>,
    resolved: Mutex<Resolved>,
}

#[derive(Default)]
struct Resolved {
    /// Ports that may be connected to at addresses that granted names resolved to.
    ports: HashMap<IpAddr, Vec<u16>>,
    /// Lookups that go on, by their handle: the ports that were granted with the name.
    lookups: HashMap<u32, Vec<u16>>,
}

impl Network {
    pub(crate) fn new(grants: &[NetGrant], denied: &Arc<Denied>) -> Arc<Self> {
        Arc::new(Network { grants: grants.to_vec(), denied: denied.clone(), resolved: Mutex::default() })
    }

    /// Whether this host may be connected to; takes note where not.
    pub(crate) fn check(&self, host: &str, port: u16) -> bool {
        let allowed = self.grants.iter().any(|grant| grant.allows(host, port));
        if !allowed {
            let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            self.denied.note(&format!("net: [\"{target}\"]"), &format!("connecting to {target}"));
        }
        allowed
    }

    fn check_address(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        match usage {
            // What connecting does by itself.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if address.ip().is_unspecified() && address.port() == 0 => {
                true
            }
            SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {
                let ip = address.ip().to_canonical();
                let resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
                if resolved.ports.get(&ip).is_some_and(|ports| ports.contains(&address.port())) {
                    return true;
                }
                drop(resolved);
                self.check(&ip.to_string(), address.port())
            }
            _ => {
                self.denied.note("net", &format!("taking the address {address}: no grant lets a unit do that"));
                false
            }
        }
    }

    /// The ports that were granted with a name; none where it was not granted.
    fn ports_of(&self, name: &str) -> Vec<u16> {
        let ports: Vec<u16> =
            self.grants.iter().filter(|grant| grant.allows(name, grant.port)).map(|grant| grant.port).collect();
        if ports.is_empty() {
            self.denied.note(&format!("net: [\"{name}:PORT\"]"), &format!("looking up `{name}`"));
        }
        ports
    }

    /// Lets wasmtime-wasi's sockets do what was granted.
    pub(super) fn allow(self: &Arc<Self>, builder: &mut WasiCtxBuilder) {
        let any = !self.grants.is_empty();
        builder.allow_tcp(any).allow_udp(any).allow_ip_name_lookup(any);
        if any {
            let network = self.clone();
            builder.socket_addr_check(move |address, usage| {
                let allowed = network.check_address(address, usage);
                Box::pin(std::future::ready(allowed))
            });
        }
    }
}

/// `wasi:sockets/ip-name-lookup`, for granted names only.
pub(crate) struct NameLookup;

pub(crate) struct NameLookupView<'a> {
    pub(crate) sockets: WasiSocketsCtxView<'a>,
    pub(crate) network: Arc<Network>,
}

impl HasData for NameLookup {
    type Data<'a> = NameLookupView<'a>;
}

impl network::Host for NameLookupView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.sockets, error)
    }

    fn network_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.sockets, error)
    }
}

impl network::HostNetwork for NameLookupView<'_> {
    fn drop(&mut self, network: Resource<NetworkResource>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}

impl ip_name_lookup::Host for NameLookupView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<NetworkResource>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        let ports = self.network.ports_of(name.trim_start_matches('[').trim_end_matches(']'));
        if ports.is_empty() {
            return Err(ErrorCode::AccessDenied.into());
        }
        let stream = ip_name_lookup::Host::resolve_addresses(&mut self.sockets, network, name)?;
        let mut resolved = self.network.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        resolved.lookups.insert(stream.rep(), ports);
        drop(resolved);
        Ok(stream)
    }
}

impl ip_name_lookup::HostResolveAddressStream for NameLookupView<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let lookup = stream.rep();
        let address = ip_name_lookup::HostResolveAddressStream::resolve_next_address(&mut self.sockets, stream)?;
        if let Some(address) = address {
            let mut resolved = self.network.resolved.lock().unwrap_or_else(PoisonError::into_inner);
            let ports = resolved.lookups.get(&lookup).cloned().unwrap_or_default();
            resolved.ports.entry(ip(address).to_canonical()).or_default().extend(ports);
        }
        Ok(address)
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<Resource<DynPollable>> {
        ip_name_lookup::HostResolveAddressStream::subscribe(&mut self.sockets, stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        let mut resolved = self.network.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        resolved.lookups.remove(&stream.rep());
        drop(resolved);
        ip_name_lookup::HostResolveAddressStream::drop(&mut self.sockets, stream)
    }
}

fn ip(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}

/// `wasi:http`, to granted hosts only. Redirects are the guest's to follow: each is a request of its own.
pub(crate) struct HttpHooks(pub(crate) Arc<Network>);

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

impl WasiHttpHooks for HttpHooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, HttpError>> + Send> {
        let network = self.0.clone();
        Box::new(async move { network.send(request, options).await })
    }
}

impl Network {
    /// Sends one request, where its host and port were granted.
    pub(crate) async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Sent, HttpError> {
        use http_body_util::BodyExt as _;

        let uri = request.uri();
        let host = uri.host().ok_or(HttpError::HttpRequestUriInvalid)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 });
        if !self.check(host.trim_start_matches('[').trim_end_matches(']'), port) {
            return Err(HttpError::HttpRequestDenied);
        }
        let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
        Ok((response.map(|body| body.boxed_unsync()), Box::new(io)))
    }
}
