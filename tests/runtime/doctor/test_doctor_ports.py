from __future__ import annotations

import errno
import os
import socket
from dataclasses import replace

import pytest

from watchpost.runtime.doctor import Level
from watchpost.runtime.doctor.ports import PortFacts, judge_port, port_facts

TAKEN = PortFacts("127.0.0.1", 8010, errno.EADDRINUSE, "Address already in use", (42, "nginx"))


def test_a_free_port_is_well():
    assert judge_port(PortFacts("127.0.0.1", 8010, None))[0].level is Level.OK


def test_a_taken_port_names_who_has_it():
    (found,) = judge_port(TAKEN)
    assert found.level is Level.PROBLEM
    assert found.seen == "127.0.0.1:8010 is taken by nginx (process 42)"
    assert "port:" in found.cure


def test_a_holder_that_is_not_seen():
    assert "not seen here" in judge_port(replace(TAKEN, holder=None))[0].seen


def test_our_own_server_is_a_note():
    assert judge_port(replace(TAKEN, is_ours=True))[0].level is Level.NOTE


@pytest.mark.parametrize(("number", "text"), [(errno.EACCES, "8010"), (errno.EADDRNOTAVAIL, "0.0.0.0"), (-1, "host")])
def test_other_refusals_are_problems_with_a_cure(number, text):
    (found,) = judge_port(PortFacts("10.9.9.9", 80, number, "no"))
    assert found.level is Level.PROBLEM
    assert text in found.cure


def test_real_ports():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        taken = port_facts("127.0.0.1", port)
        assert taken.error == errno.EADDRINUSE
        assert taken.holder is not None
        assert taken.holder[0] == os.getpid()
    assert port_facts("127.0.0.1", port).error is None


def test_a_host_of_another_machine_or_none():
    assert port_facts("192.0.2.1", 8010).error == errno.EADDRNOTAVAIL
    assert port_facts("no such host", 8010).error is not None
