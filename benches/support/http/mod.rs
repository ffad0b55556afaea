//! The parts of the bench `http`.

pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod speed;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::server::HermodService;
use keyferry::server::{Rate, ServerConfig};
use tokio::net::TcpListener;
use tower_service::Service;

pub(crate) const KEY: &str = "3f2a9c";
pub(crate) const BASE: &str = "http://hub.example/hermod/rest";

/// A hub with one integrator and limits that a bench does not reach.
pub(crate) fn hub() -> Hub {
    let shop = IntegratorConfig::new("shop").with_key(Digest::of(&AwsLcRs, &Secret::new(KEY)));
    let mut config =
        HubConfig::new(format!("{BASE}/ms"), "hub.example").unwrap().with_integrator(shop);
    (config.limits.commands_in_progress, config.limits.commands_kept) = (u32::MAX, u32::MAX);
    config.limits.stored_bytes = u64::MAX;
    Hub::builder(Arc::new(AwsLcRs), config).build().unwrap()
}

pub(crate) fn service(hub: &Hub) -> HermodService {
    let mut config = ServerConfig::default();
    (config.limits.tenant_rate, config.limits.device_rate) = (Rate::unlimited(), Rate::unlimited());
    (config.limits.tenant_concurrent, config.limits.concurrent) = (1024, 4096);
    HermodService::hub_builder(hub).with_config(config).build().unwrap()
}

/// Reads the whole request and answers with the same bytes each time, as the least that any server
/// has to do.
#[derive(Clone)]
pub(crate) struct Constant(pub(crate) Bytes);

impl<B> Service<Request<B>> for Constant
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = keyferry::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.0.clone();
        Box::pin(async move {
            let _ = request.into_body().collect().await.unwrap().to_bytes();
            Ok(Response::builder()
                .header("content-type", "application/json")
                .body(Full::new(answer))
                .unwrap())
        })
    }
}

/// Serves on hyper on a free loopback port until the runtime ends.
pub(crate) async fn serve<S, B>(service: S) -> std::net::SocketAddr
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}
