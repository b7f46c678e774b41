//! Wasmill's own host functions, the package `wasmill:host` (`wit/host.wit`): read a granted file, fetch from a granted host, sleep.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use http::header::{HeaderName, LOCATION};
use http::uri::{Scheme, Uri};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use wasmill_model::{Grants, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error as HttpError};

use super::component::caller;
use super::{HostCall, HostFunctions, Needs, from_values};
use crate::state::State;

/// Redirects that one fetch follows.
const MAX_REDIRECTS: usize = 10;
/// The most bytes that one call reads or fetches, whatever the unit's memory.
const MAX_BYTES: u64 = 256 << 20;

/// The interfaces, with the version of the package.
pub(super) fn add(functions: &mut HostFunctions) {
    let (files, http, time) = ("wasmill:host/files@1.0.0", "wasmill:host/http@1.0.0", "wasmill:host/time@1.0.0");
    functions.insert(files, "read", Needs::Dirs, Some(link_read), |call, arguments| async move {
        let (path,): (String,) = from_values(arguments)?;
        read(call, path).await.map(|bytes| Value::Bytes(bytes.into()))
    });
    functions.insert(http, "fetch", Needs::Net, Some(link_fetch), |call, arguments| async move {
        let (request,): (Request,) = from_values(arguments)?;
        let response = fetch(&call, request).await?;
        let headers =
            response.headers.into_iter().map(|(name, value)| Value::from(vec![Value::text(name), Value::text(value)]));
        let members = [
            ("status", Value::Int(i64::from(response.status))),
            ("headers", Value::from(headers.collect::<Vec<_>>())),
            ("body", Value::Bytes(response.body.into())),
        ];
        Ok(Value::from(
            members.into_iter().map(|(name, value)| (name.into(), value)).collect::<wasmill_model::Object>(),
        ))
    });
    functions.insert(time, "sleep", Needs::Nothing, None, |call, arguments| async move {
        let (milliseconds,): (u64,) = from_values(arguments)?;
        call.sleep(Duration::from_millis(milliseconds)).await;
        Ok(Value::Null)
    });
}

fn link_read(instance: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    instance.func_wrap_async(name, |store: StoreContextMut<'_, State>, (path,): (String,)| {
        let call = caller(&store);
        Box::new(async move { Ok((read(call?, path).await,)) })
    })
}

fn link_fetch(instance: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    instance.func_wrap_async(name, |store: StoreContextMut<'_, State>, (request,): (TypedRequest,)| {
        let call = caller(&store);
        let TypedRequest { method, url, headers, body } = request;
        let request = Request { method, url, headers, body: Value::Bytes(body.into()) };
        Box::new(async move { Ok((fetch(&call?, request).await,)) })
    })
}

/// Reads a whole file of a granted folder; links and `..` do not lead out of it.
async fn read(call: HostCall, path: String) -> Result<Vec<u8>, String> {
    let Some((folder, inside)) = locate(call.grants(), &path) else {
        return Err(call.deny("dirs: { ./folder: /folder }", format!("reading `{path}`")));
    };
    let most = call.most_bytes().min(MAX_BYTES);
    let work = move || -> std::io::Result<Vec<u8>> {
        let folder = Dir::open_ambient_dir(&folder, ambient_authority())?;
        // Before it is opened: that would wait, where it is a pipe, for somebody who writes.
        if !folder.metadata(&inside)?.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        let mut bytes = Vec::new();
        folder.open(&inside)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(std::io::Error::other(format!(
                "it has more than {most} bytes, the most that the unit can take"
            )));
        }
        Ok(bytes)
    };
    let result = tokio::task::spawn_blocking(work).await.map_err(|_| format!("`{path}` could not be read"))?;
    result.map_err(|error| format!("`{path}` cannot be read: {error}"))
}

/// The granted folder that a unit's absolute path lies in, and the path in it.
fn locate(grants: &Grants, path: &str) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(path);
    // The longest folder wins: `/data/models` may be granted inside of `/data`.
    let (folder, grant) = grants
        .dirs
        .iter()
        .filter(|(_, grant)| path.starts_with(&grant.at))
        .max_by_key(|(_, grant)| Path::new(&grant.at).components().count())?;
    let inside = path.strip_prefix(&grant.at).ok()?;
    if inside.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    Some((folder.clone(), inside.to_owned()))
}

/// What to fetch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Text, bytes (`{"$base64": …}`), or nothing.
    #[serde(default)]
    body: Value,
}

/// The same, as `wit/host.wit` has it.
#[derive(ComponentType, Lift)]
#[component(record)]
struct TypedRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Sends a request and follows redirects; each connection is held against the grants.
async fn fetch(call: &HostCall, request: Request) -> Result<Response, String> {
    let mut method: Method = request.method.parse().map_err(|_| format!("`{}` is no HTTP method", request.method))?;
    let mut url: Uri = parse_url(&request.url)?;
    let mut headers = request.headers;
    let mut body = match &request.body {
        Value::Null => Bytes::new(),
        body => body.to_bytes(),
    };
    for _ in 0..=MAX_REDIRECTS {
        let response = send(call, &method, &url, &headers, body.clone()).await?;
        let next = match StatusCode::from_u16(response.status) {
            Ok(status) if status.is_redirection() => {
                response.headers.iter().find(|(name, _)| name == LOCATION.as_str())
            }
            _ => None,
        };
        let Some((_, location)) = next else { return Ok(response) };
        let target = resolve(&url, location)?;
        // As browsers and curl do: after 303, and after 301 and 302 where something was posted, the next request is a GET.
        if response.status == 303 || (matches!(response.status, 301 | 302) && method == Method::POST) {
            method = Method::GET;
            body = Bytes::new();
        }
        if target.authority() != url.authority() || target.scheme() != url.scheme() {
            // What was meant for one host is not told to another.
            headers.retain(|(name, _)| !matches!(name.to_ascii_lowercase().as_str(), "authorization" | "cookie"));
        }
        url = target;
    }
    Err(format!("`{}` redirects more than {MAX_REDIRECTS} times", request.url))
}

fn parse_url(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
    match (uri.scheme(), uri.host()) {
        (Some(scheme), Some(_)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => Ok(uri),
        _ => Err(format!("`{url}` is no http or https URL")),
    }
}

/// The URL that a `Location` means.
fn resolve(base: &Uri, location: &str) -> Result<Uri, String> {
    let fail = |error: url::ParseError| format!("the redirect to `{location}` leads nowhere: {error}");
    let base = url::Url::parse(&base.to_string()).map_err(fail)?;
    parse_url(base.join(location).map_err(fail)?.as_str())
}

async fn send(
    call: &HostCall,
    method: &Method,
    url: &Uri,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Response, String> {
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = http::Request::builder().method(method.clone()).uri(url.clone()).header("host", authority);
    for (name, value) in headers {
        let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        if DEFAULT_FORBIDDEN_HEADERS.contains(&header) {
            return Err(format!("the header `{name}` is the host's to set"));
        }
        request = request.header(header, value);
    }
    let body = Full::new(body).map_err(HttpError::from).boxed_unsync();
    let request = request.body(body).map_err(|error| format!("the request is not valid: {error}"))?;
    let (response, io) = call.side.network.send(request, None).await.map_err(|error| match error {
        HttpError::HttpRequestDenied => {
            format!("connecting to {} was not granted", url.authority().map_or("", |it| it.as_str()))
        }
        error => format!("`{url}` cannot be fetched: {error}"),
    })?;
    let (parts, body) = response.into_parts();
    let most = usize::try_from(call.most_bytes().min(MAX_BYTES)).unwrap_or(usize::MAX);
    let collect = Limited::new(body, most).collect();
    // The connection moves only while it is polled; it may stay open when the answer is complete.
    let io = async {
        let _ = Box::into_pin(io).await;
        std::future::pending::<()>().await;
    };
    let collected = tokio::select! {
        collected = collect => collected,
        () = io => return Err("the connection ended".to_owned()),
    };
    let body = collected.map_err(|error| format!("the answer of `{url}` cannot be read: {error}"))?.to_bytes();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Ok(Response { status: parts.status.as_u16(), headers, body: body.into() })
}
