"""The console script `calrissian-dask-sidecar`: the only module here that sees the environment."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress

from calrissian_dask_sidecar import __version__, contract
from calrissian_dask_sidecar.addresses import Addresses, start_refresh
from calrissian_dask_sidecar.credentials import make_credentials
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.host_port import scheduler_proxy
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.program_settings import ProgramSettings, read
from calrissian_dask_sidecar.signals import (
    Interruption,
    Terminated,
    block,
    on_termination,
    wait,
    wait_at_most,
)
from calrissian_dask_sidecar.state import State

MESSAGE_LIMIT = 900
"""Characters of one text in the termination message: a pod's containers share 12 KiB, ours stay
below 1 KiB (Kubernetes, "Customizing the termination message")."""

DESCRIPTORS = 4096
"""Two per connection of the tool, and room; containers usually have more, shells often 1024."""


REFUSAL = 60.0
"""Seconds that a sidecar stays which cannot work; SIGTERM usually ends it after two. As long as
provision waits for it (`provision.SIDECAR_TIMEOUT`)."""


def main() -> None:
    """Run the program that is named on the command line; its exit code is in `contract`."""
    arguments = _parse(sys.argv[1:])
    program = _provision if arguments.program == "provision" else _sidecar
    code = contract.EXIT_TERMINATED
    try:
        code = program(os.environ)
    except Terminated:
        pass
    except Exception:  # a bug: its trace is for us, and threads must not hold up the end
        traceback.print_exc()
        code = contract.EXIT_NO_CLUSTER
    sys.stderr.flush()
    os._exit(code)  # not sys.exit: a thread that waits for DNS or a dead gateway cannot hold us up


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="calrissian-dask-sidecar",
        description="The containers that calrissian-dask adds to a step's pod. All settings come"
        " from CALRISSIAN_DASK_... variables, which `calrissian-dask mutate` writes.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    programs = parser.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    programs.add_parser("provision", help="init container: make the step's Dask cluster")
    programs.add_parser(
        "sidecar", help="native sidecar: connect the tool, stop the cluster at its end"
    )
    return parser.parse_args(arguments)


def _provision(environ: Mapping[str, str]) -> int:
    from calrissian_dask_sidecar.provision import Outcome, Provision

    interruption = Interruption()
    on_termination(interruption.request)
    try:
        settings = read(environ)
        api = _api(settings, environ)
    except ConfigurationError as error:
        return _misconfigured(error, environ)
    start_refresh([api.exchange.addresses])
    provision = Provision(
        settings=settings,
        api=api,
        state=State(settings.state),
        interruption=interruption,
        say=_say,
    )
    outcome: Outcome = provision.run()
    interruption.ignore()
    _terminate(settings.termination_log, outcome.message)
    return outcome.exit_code


def _sidecar(environ: Mapping[str, str]) -> int:
    from calrissian_dask_sidecar.sidecar import Sidecar, guarded

    block()
    _raise_descriptor_limit()
    state = None
    try:
        settings = read(environ)
        state = State(settings.state)
        sidecar = Sidecar(
            settings=settings,
            api=_api(settings, environ),
            proxy=_proxy(settings),
            state=state,
            termination=wait,
            say=_say,
        )
        sidecar.start()
    except ConfigurationError as error:
        return _refuse(error, state, environ)
    except OSError as error:  # of the state volume; a taken port is a ConfigurationError
        words = f"the state volume cannot be used: {error}"
        return _refuse(ConfigurationError(words), state, environ)
    _terminate(settings.termination_log, guarded(sidecar))
    return contract.EXIT_OK


def _refuse(error: ConfigurationError, state: State | None, environ: Mapping[str, str]) -> int:
    """Say why, and stay until provision has failed for it.

    The kubelet starts the next init container when it has seen this one running. One that ends at
    once it sees dead only, and tries again with ever longer pauses: the pod would hang in Init.
    """
    code = _misconfigured(error, environ)
    if state is not None:
        with suppress(OSError):
            state.write("refused", words=str(error))
    wait_at_most(REFUSAL)
    return code


def _api(settings: ProgramSettings, environ: Mapping[str, str]) -> GatewayApi:
    return GatewayApi(Exchange(settings.gateway_url), make_credentials(settings, environ))


def _proxy(settings: ProgramSettings) -> Addresses:
    try:
        return Addresses(*scheduler_proxy(settings.gateway_url, settings.proxy_address))
    except ValueError as error:
        raise ConfigurationError(f"gateway.proxyAddress: {error}") from error


def _misconfigured(error: ConfigurationError, environ: Mapping[str, str]) -> int:
    _say(str(error))
    path = environ.get("CALRISSIAN_DASK_TERMINATION_LOG", contract.TERMINATION_LOG)
    _terminate(path, {"error": str(error)})
    return contract.EXIT_CONFIGURATION


def _terminate(path: str, message: Mapping[str, object]) -> None:
    """Write the termination message; where there is no such file the log has said it already."""
    short = {
        key: value[:MESSAGE_LIMIT] if isinstance(value, str) else value
        for key, value in message.items()
    }
    with suppress(OSError), open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"contract": contract.CONTRACT, **short}))


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _say(sentence: str) -> None:
    with suppress(OSError):  # a log that cannot be written must not cost a cluster
        print(f"calrissian-dask: {sentence}", file=sys.stderr, flush=True)
