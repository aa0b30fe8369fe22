"""One process or several that train together: what torchrun says, and the little that they have to tell each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from watchpost.errors import WatchpostError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """The first process measures, saves and reports."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process; all of them must ask."""
        if self.world == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        distributed.all_reduce(value, distributed.ReduceOp.MAX)
        return bool(value.item())

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of each value over the processes; all of them must ask."""
        if self.world == 1:
            return values
        tensor = torch.tensor(list(values.values()), device=self.device, dtype=torch.float64)
        distributed.all_reduce(tensor)
        return dict(zip(values, (tensor / self.world).tolist(), strict=True))


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:1`: `auto` takes a GPU where there is one. Raises `WatchpostError` for others."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise WatchpostError(f"the device {name!r} can not be used ({first}); try --device cpu.") from None
    return device


@contextmanager
def joined(device: str, environment: Mapping[str, str] = os.environ) -> Iterator[Processes]:
    """Meet the other processes that torchrun started, if any; NCCL between GPUs, gloo between CPUs."""
    world = int(environment.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes(0, 1, choose_device(device))
        return
    chosen = choose_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(environment["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), world, chosen)
    finally:
        distributed.destroy_process_group()
