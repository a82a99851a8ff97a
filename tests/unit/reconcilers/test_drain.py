"""A drain and the restore after it, over all that can happen between two looks at a host.

The whole state machine runs against a model of API server and Podman; agents are killed between any
two of their calls.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from podman_checkpoint_operator.decisions.facts import State
from podman_checkpoint_operator.decisions.shutdown import Answer
from podman_checkpoint_operator.reconcilers.podman_port import PodmanTimedOut, PodmanUnreachable
from podman_checkpoint_operator.reconcilers.resource import StatusUnwritable
from tests.e2e.soak import times
from tests.unit.reconcilers.drain_world import Killed, World, in_namespace


@pytest.fixture
def world() -> World:
    return World()


def of(world: World, container_id: str) -> dict[str, Any]:
    """Return the checkpoint that is under way of a container."""
    (found,) = (
        each
        for each in world.under_way("ContainerCheckpoint")
        if each["spec"]["containerRef"]["id"] == container_id
    )
    return found


def drained(world: World, *containers: str) -> None:
    """Run containers and drain their host."""
    for each in containers:
        world.run(each)
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.drained() == ("True", "Drained")


def test_a_host_that_nobody_drains_costs_nothing(world: World) -> None:
    world.run("a")
    assert not world.turn()
    assert world.calls == 0
    assert "status" not in world.host


def test_those_that_opted_in_are_saved_and_come_back(world: World) -> None:
    world.run("a")
    world.run("ignored", labels={})
    world.ask(unschedulable=True)
    world.turn()
    assert world.drained() == ("False", "Draining")
    assert world.told == {"a": "Checkpointing"}

    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert (
        world.condition["message"] == "1 container is safe; 1 running container is not to be saved"
    )
    assert world.boxes["a"].saved

    world.reboot()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert world.drained() == ("False", "NotDraining")
    assert world.boxes["a"].alive
    assert not world.turn()


def test_what_a_checkpoint_asks_for(world: World) -> None:
    world.run("a", labels=in_namespace("shop"))
    unknown = {"policy": "OfANewerVersion"}
    world.ask(unschedulable=True, timeoutSeconds=30, ghostLimit=unknown)
    world.turn()
    made = of(world, "a")
    assert made["metadata"]["namespace"] == "shop"
    assert made["metadata"]["labels"] == {"podman-checkpoint.dev/drained-host": "host-a"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("PodmanHost", "host-a", "uid")
    assert made["spec"] == {
        "nodeName": "host-a",
        "containerRef": {"id": "a"},
        "tcpEstablished": True,
        "fileLocks": True,
        "ghostLimit": unknown,
        "timeoutSeconds": 30,
    }
    world.until_quiet()
    world.ask(unschedulable=False, timeoutSeconds=40)
    world.turn()
    (restore,) = world.under_way("ContainerRestore")
    assert restore["metadata"]["namespace"] == "shop"
    assert restore["spec"] == {
        "nodeName": "host-a",
        "source": {"containerRef": {"id": "a"}},
        "existingContainer": "Adopt",
        "tcpEstablished": True,
        "fileLocks": True,
        "timeoutSeconds": 40,
    }


def test_a_container_may_ask_for_less(world: World) -> None:
    labels = {**in_namespace("shop"), "podman-checkpoint.dev/drain-tcp-established": "false"}
    world.run("a", labels={**labels, "podman-checkpoint.dev/drain-file-locks": "true"})
    drained(world)
    world.ask(unschedulable=False)
    world.turn()
    for made in (*world.checkpoints_.values(), *world.restores_.values()):
        assert made["spec"]["tcpEstablished"] is False
        assert made["spec"]["fileLocks"] is True


@pytest.mark.parametrize("option", ["tcp-established", "file-locks"])
@pytest.mark.parametrize("value", ["no", ""])
def test_what_a_container_cannot_ask_for(world: World, option: str, value: str) -> None:
    label = f"podman-checkpoint.dev/drain-{option}"
    world.run("a", labels={**in_namespace("shop"), label: value})
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.drained() == ("False", "CannotDrain")
    assert f'label {label} of container name-a is "{value}"' in world.condition["message"]
    assert "true or false" in world.condition["message"]
    assert not world.checkpoints_


def test_the_condition_is_of_the_generation_that_it_is_about(world: World) -> None:
    """``kubectl wait`` leaves one aside that is of an older generation."""
    drained(world, "a")
    world.ask(unschedulable=True, policy="All")
    world.turn()
    assert world.condition["observedGeneration"] == world.host["metadata"]["generation"]


def test_policy_all_leaves_out_those_that_opted_out(world: World) -> None:
    world.run("plain", labels={})
    world.run("out", labels={"podman-checkpoint.dev/on-drain": "ignore"})
    world.ask(unschedulable=True, policy="All")
    world.until_quiet()
    assert world.told == {"plain": "Safe"}
    assert world.boxes["out"].alive


def test_dependents_are_saved_first_and_restored_last(world: World) -> None:
    world.run("base")
    world.run("needs", dependencies=("base",))
    world.ask(unschedulable=True)
    world.turn()
    assert world.told == {"base": "Pending", "needs": "Checkpointing"}
    assert world.record("base")["message"] == "Waits for name-needs, which depends on it"
    assert "checkpoint" not in world.record("base")
    world.until_quiet()
    world.ask(unschedulable=False)
    world.turn()
    assert world.told == {"base": "Restoring", "needs": "Safe"}
    world.until_quiet()
    assert world.told == {"base": "Restored", "needs": "Restored"}


def test_containers_of_a_pod_go_one_by_one(world: World) -> None:
    for each in "abc":
        world.run(each, pod="pod", dependencies=("infra",), joined=("infra",))
    world.ask(unschedulable=True)
    world.turn()
    assert world.told == {"a": "Checkpointing", "b": "Pending", "c": "Pending"}
    world.until_quiet()
    world.ask(unschedulable=False)
    world.turn()
    assert world.told == {"a": "Restoring", "b": "Safe", "c": "Safe"}


def test_containers_with_addresses_of_their_own_come_back_before_pods(world: World) -> None:
    world.run("member", pod="pod")
    world.run("plain")
    world.run("on-top", dependencies=("member",))
    world.ask(unschedulable=True)
    world.until_quiet()
    world.ask(unschedulable=False)
    world.turn()
    assert world.told == {"member": "Safe", "plain": "Restoring", "on-top": "Safe"}
    world.end(world.under_way("ContainerRestore")[0])
    world.turn()
    assert world.told == {"member": "Restoring", "plain": "Restored", "on-top": "Safe"}
    world.until_quiet()
    assert set(world.told.values()) == {"Restored"}


@pytest.mark.parametrize("deal", ["stop", "remove", "delete"])
def test_one_that_cannot_be_saved_holds_the_drain_until_it_is_dealt_with(
    world: World, deal: str
) -> None:
    box = world.run("bad")
    world.run("good")
    world.ask(unschedulable=True)
    world.turn()
    world.end(of(world, "bad"), well=False)
    world.until_quiet()
    assert world.drained() == ("False", "CannotDrain")
    message = world.condition["message"]
    name = world.record("bad")["checkpoint"]
    assert "name-bad: because of GhostFileTooLarge." in message
    assert f"kubectl delete containercheckpoint {name} --namespace podman-ch" in message
    assert world.told == {"bad": "Failed", "good": "Safe"}

    if deal == "stop":
        world.stop(box)
    elif deal == "remove":
        del world.boxes["bad"]
    else:
        del world.checkpoints_[name]
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert world.told["bad"] == ("Safe" if deal == "delete" else "Gone")


@pytest.mark.parametrize(
    ("facts", "reason", "remedy"),
    [
        ({"state": State.PAUSED}, "ContainerNotRunning", "podman unpause name-x"),
        ({"joined": ("other",)}, "DependencyRestarted", "podman stop name-x"),
        ({"labels": in_namespace("No/Name")}, "InvalidSpec", "podman stop name-x"),
    ],
    ids=["paused", "joined", "namespace"],
)
def test_what_could_not_be_restored_is_not_touched(
    world: World, facts: dict[str, Any], reason: str, remedy: str
) -> None:
    world.run("x", **facts)
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.drained() == ("False", "CannotDrain")
    assert world.record("x")["reason"] == reason
    assert remedy in world.condition["message"]
    assert not world.checkpoints_


def test_a_refused_resource_is_told_of_and_tried_again(world: World) -> None:
    world.run("a")
    world.refusal = 'namespaces "shop" not found'
    world.ask(unschedulable=True)
    world.turn()
    world.turn()
    assert world.drained() == ("False", "CannotDrain")
    assert 'refused: namespaces "shop" not found' in world.condition["message"]
    world.refusal = ""
    world.until_quiet()
    assert world.drained() == ("True", "Drained")

    world.refusal = "not today"
    world.ask(unschedulable=False)
    world.turn()
    world.turn()
    assert world.drained() == ("False", "RestoreFailed")
    world.refusal = ""
    world.until_quiet()
    assert world.told == {"a": "Restored"}


def test_a_container_that_starts_while_drained_is_saved_as_well(world: World) -> None:
    drained(world, "a")
    world.run("b")
    world.turn()
    assert world.drained() == ("False", "Draining")
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert world.told == {"a": "Safe", "b": "Safe"}


def test_a_cancelled_drain_restores(world: World) -> None:
    world.run("done")
    world.run("begun")
    world.run("waits", dependencies=())
    world.run("last")
    world.boxes["begun"].dependencies = ("last",)
    world.ask(unschedulable=True)
    world.turn()
    world.end(of(world, "done"))
    world.ask(unschedulable=False)
    world.turn()
    assert world.told == {"done": "Restoring", "begun": "Checkpointing", "waits": "Checkpointing"}
    world.until_quiet()
    assert set(world.told.values()) == {"Restored"}
    assert all(box.alive for box in world.boxes.values())


def test_a_second_drain_in_a_row_has_checkpoints_of_its_own(world: World) -> None:
    drained(world, "a")
    world.ask(unschedulable=False)
    world.until_quiet()
    first = set(world.checkpoints_)
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.told == {"a": "Safe"}
    assert len(set(world.checkpoints_) - first) == 1


def test_a_drain_before_all_is_restored_keeps_what_is_safe(world: World) -> None:
    drained(world, "a", "b")
    world.ask(unschedulable=False)
    world.turn()
    first, _ = world.under_way("ContainerRestore")
    world.end(first)
    world.ask(unschedulable=True)
    world.turn()
    assert world.drained() == ("False", "Draining")
    world.until_quiet()
    assert world.told == {"a": "Safe", "b": "Safe"}
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"a": "Restored", "b": "Restored"}


def test_the_next_drain_takes_over_what_waits_for_its_restore(world: World) -> None:
    world.run("base")
    world.run("needs", dependencies=("base",))
    world.ask(unschedulable=True)
    world.until_quiet()
    world.ask(unschedulable=False)
    world.turn()
    world.ask(unschedulable=True)
    world.turn()
    assert world.told == {"base": "Restoring", "needs": "Safe"}
    world.until_quiet()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"base": "Restored", "needs": "Restored"}


def test_one_that_is_restarted_while_its_checkpoint_waits_gets_no_second(world: World) -> None:
    box = world.run("a")
    world.ask(unschedulable=True)
    world.turn()
    world.stop(box)
    world.start(box)
    world.turn()
    assert len(world.checkpoints_) == 1
    world.until_quiet()
    assert world.told == {"a": "Safe"}


def test_a_removed_one_is_gone_and_a_started_one_adopted(world: World) -> None:
    drained(world, "a", "b", "c")
    del world.boxes["a"]
    world.ask(unschedulable=False)
    world.start(world.boxes["b"])
    world.until_quiet()
    assert world.told == {"a": "Gone", "b": "Restored", "c": "Restored"}
    assert world.record("b")["reason"] == "Adopted"
    assert world.condition["message"] == "2 containers are restored; 1 gone meanwhile"


def test_one_that_ran_again_and_stopped_is_not_put_back_to_its_old_memory(world: World) -> None:
    drained(world, "a")
    world.start(world.boxes["a"])
    world.stop(world.boxes["a"])
    world.turn()
    assert world.told == {"a": "Gone"}
    world.ask(unschedulable=False)
    world.until_quiet()
    assert not world.restores_


def test_a_failed_restore_is_named_and_tried_again_when_it_is_deleted(world: World) -> None:
    drained(world, "a")
    world.ask(unschedulable=False)
    world.turn()
    world.end(world.under_way("ContainerRestore")[0], well=False)
    world.until_quiet()
    assert world.drained() == ("False", "RestoreFailed")
    name = world.record("a")["restore"]
    assert f"kubectl delete containerrestore {name} --namespace" in world.condition["message"]
    world.restores_.clear()
    world.until_quiet()
    assert world.told == {"a": "Restored"}


def died(world: World) -> None:
    """Have a container die of its restore."""
    drained(world, "a")
    world.ask(unschedulable=False)
    world.turn()
    world.end(world.under_way("ContainerRestore")[0], dies=True)
    world.until_quiet()
    assert world.drained() == ("False", "RestoreFailed")
    assert "Start it afresh: podman start name-a" in world.condition["message"]


def test_one_that_died_of_its_restore_is_not_safe(world: World) -> None:
    died(world)
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.told == {"a": "Gone"}
    assert world.condition["message"] == "0 containers are safe; 1 gone meanwhile"
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"a": "Gone"}
    assert world.drained() == ("False", "NotDraining")


@pytest.mark.parametrize("unschedulable", [True, False])
def test_one_that_died_of_its_restore_is_let_go_with_it(world: World, unschedulable: bool) -> None:
    died(world)
    world.restores_.clear()
    world.ask(unschedulable=unschedulable)
    world.until_quiet()
    assert world.told == {"a": "Gone"}
    assert not world.restores_


def test_a_deleted_checkpoint_does_not_lose_the_state(world: World) -> None:
    drained(world, "a")
    world.checkpoints_.clear()
    world.turn()
    assert world.drained() == ("True", "Drained")
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.boxes["a"].alive


@pytest.mark.parametrize("unschedulable", [True, False], ids=["drained", "cancelled"])
@pytest.mark.parametrize("saves", [True, False])
def test_a_checkpoint_that_is_deleted_at_its_work_does_not_lose_the_state(
    world: World, unschedulable: bool, saves: bool
) -> None:
    box = world.run("a")
    world.ask(unschedulable=True)
    world.turn()
    deleted = of(world, "a")
    if saves:
        world.end(deleted)
    else:
        world.stop(box)
    world.checkpoints_.clear()
    world.ask(unschedulable=unschedulable)
    world.until_quiet()
    assert world.told == {"a": ("Safe" if unschedulable else "Restored") if saves else "Gone"}
    assert bool(world.checkpoints_) is saves


def test_a_request_that_is_carried_out_late_is_not_forgotten(world: World) -> None:
    """The agent has given it up, and the host was uncordoned before it came to be."""
    world.run("a")
    world.ask(unschedulable=True)
    world.turn()
    late = world.checkpoints_.copy()
    world.checkpoints_.clear()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {}
    world.checkpoints_.update(late)
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert world.boxes["a"].alive


def test_a_clock_that_is_put_back_loses_nothing(world: World) -> None:
    box = world.run("a")
    box.started_at += timedelta(hours=1)
    world.ask(unschedulable=True)
    world.until_quiet()
    assert world.condition["message"] == "1 container is safe"
    world.reboot()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert box.alive


def test_a_reboot_in_the_middle(world: World) -> None:
    world.run("saved")
    world.run("lost")
    world.ask(unschedulable=True)
    world.turn()
    world.end(of(world, "saved"))
    world.reboot()
    world.until_quiet()
    assert world.told == {"saved": "Safe", "lost": "Gone"}
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.told == {"saved": "Restored", "lost": "Gone"}


def test_a_cordoned_node_is_followed_where_that_was_asked_for(world: World) -> None:
    world.run("a")
    world.cordoned = True
    world.ask(unschedulable=False)
    world.until_quiet()
    assert not world.checkpoints_
    world.ask(unschedulable=False, followNode=True)
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    world.cordoned = False
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert world.turn() is not None


def test_a_node_that_is_cordoned_again_at_once_finds_the_host_as_it_was_told(world: World) -> None:
    """Who has cordoned it and sees the host drained still may reboot it."""
    world.run("a")
    world.cordoned = True
    world.ask(unschedulable=False, followNode=True)
    world.until_quiet()
    assert world.drained() == ("True", "Drained")

    world.cordoned = False

    def cordon() -> None:
        assert world.drained() == ("True", "Drained")
        world.cordoned = True

    world.on_tell = cordon
    world.turn()
    world.on_tell = lambda: None
    assert world.drained() == ("False", "Restoring")
    assert not world.restores_
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert not world.restores_
    world.cordoned = False
    world.until_quiet()
    assert world.told == {"a": "Restored"}


@pytest.mark.parametrize("error", [StatusUnwritable("refused"), PodmanTimedOut("busy")])
def test_what_is_away_for_a_while_is_waited_for(world: World, error: Exception) -> None:
    world.run("a")
    world.ask(unschedulable=True)
    world.error = error
    assert world.turn()
    world.error = None
    world.until_quiet()
    assert world.drained() == ("True", "Drained")


def test_a_podman_that_is_away_is_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("a")
    world.ask(unschedulable=True)

    def away() -> list[Any]:
        raise PodmanUnreachable("no such socket")

    with monkeypatch.context() as broken:
        broken.setattr(world, "restores", away)
        world.turn()
        assert world.drained() == ("False", "CannotDrain")
        assert "no such socket" in world.condition["message"]
    world.until_quiet()
    assert world.drained() == ("True", "Drained")


def test_a_policy_of_a_newer_version_is_not_half_obeyed(world: World) -> None:
    world.run("a")
    world.ask(unschedulable=True, policy="Migrate", byTheWay=1)
    world.turn()
    assert world.drained() == ("False", "CannotDrain")
    assert world.condition["message"] == (
        "The host's agent does not know spec.drain.policy Migrate, and drains nothing. Update the"
        " agent, or set a policy that it knows: Labelled, All."
    )
    assert not world.checkpoints_

    world.ask(unschedulable=False, policy="Migrate")
    world.until_quiet()
    assert not world.checkpoints_
    world.ask(unschedulable=True, policy="All", byTheWay=1)
    world.until_quiet()
    assert world.drained() == ("True", "Drained")


def test_a_policy_of_a_newer_version_does_not_keep_what_was_saved_from_coming_back(
    world: World,
) -> None:
    drained(world, "a")
    world.ask(unschedulable=True, policy="Migrate")
    world.turn()
    assert world.drained() == ("False", "CannotDrain")
    world.ask(unschedulable=False, policy="Migrate")
    world.until_quiet()
    assert world.told == {"a": "Restored"}


def test_the_condition_follows_the_spec_when_the_drain_is_over(world: World) -> None:
    drained(world, "a")
    world.ask(unschedulable=False)
    world.until_quiet()
    world.ask(unschedulable=False, policy="All")
    world.turn()
    assert world.condition["observedGeneration"] == world.host["metadata"]["generation"]
    assert not world.turn()


def test_what_happens_is_told_once(world: World) -> None:
    world.run("a")
    stubborn = world.run("b", joined=("a",))
    world.ask(unschedulable=True)
    world.until_quiet()
    # Another agent sees the same, and so does the same one again.
    world.agent()
    world.until_quiet()
    assert [each.partition(":")[0] for each in world.events] == [
        "Warning DependencyRestarted",
        "Warning CannotDrain",
        "Normal Checkpointed",
    ]
    assert "name-b: Container name-b is in namespaces of container name-a" in world.events[0]

    world.events.clear()
    world.stop(stubborn)
    world.until_quiet()
    world.agent()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.events == [
        "Normal ContainerStopped: Container name-b does not run any more, and no drain has saved"
        " its last run",
        "Normal Drained: 1 container is safe; 1 gone meanwhile",
        "Normal Restoring: 0 of 1 containers are restored; waiting for name-a",
        "Normal Done: because of Done",
        "Normal NotDraining: 1 container is restored; 1 gone meanwhile",
    ]
    assert world.ended == [True]


def test_a_drain_that_is_cancelled_ends_as_such(world: World) -> None:
    world.run("a")
    world.ask(unschedulable=True)
    world.turn()
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.ended == [False]
    reasons = [each.split()[1].rstrip(":") for each in world.events]
    assert reasons == ["Draining", "Restoring", "Done", "NotDraining"]


def test_the_host_tells_how_many_containers_run(world: World) -> None:
    drained(world, "a", "b")
    assert world.host["status"]["containers"] == {"running": 0}
    world.ask(unschedulable=False)
    world.until_quiet()
    assert world.host["status"]["containers"] == {"running": 2}


def in_and_out(world: World, times: int, **drain: Any) -> None:
    """Drain a host and use it again, some times."""
    for _ in range(times):
        world.ask(unschedulable=True, **drain)
        world.until_quiet()
        world.ask(unschedulable=False, **drain)
        world.until_quiet()


@pytest.mark.parametrize(("given", "kept"), [({}, 3), ({"historyLimit": 1}, 1)])
def test_so_many_drains_are_kept_of_each_container(
    world: World, given: dict[str, int], kept: int
) -> None:
    world.run("a")
    world.run("b")
    in_and_out(world, 5, **given)
    assert len(world.checkpoints_) == len(world.restores_) == 2 * kept
    assert set(world.checkpoints_) == set(world.restores_)
    last = {each["checkpoint"] for each in world.host["status"]["drain"]["containers"]}
    assert last <= set(world.checkpoints_)
    assert all(box.alive for box in world.boxes.values())


def test_no_history(world: World) -> None:
    world.run("a")
    world.ask(unschedulable=True, historyLimit=0)
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert len(world.checkpoints_) == 1
    world.reboot()
    world.ask(unschedulable=False, historyLimit=0)
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert not world.checkpoints_
    assert not world.restores_


def test_a_smaller_limit_counts_at_once(world: World) -> None:
    world.run("a")
    in_and_out(world, 3)
    world.ask(unschedulable=False, historyLimit=1)
    world.until_quiet()
    assert len(world.checkpoints_) == len(world.restores_) == 1


def test_a_failure_is_kept_until_the_container_is_saved_again(world: World) -> None:
    box = world.run("a")
    world.ask(unschedulable=True, historyLimit=0)
    world.turn()
    world.end(of(world, "a"), well=False)
    world.until_quiet()
    world.ask(unschedulable=False, historyLimit=0)
    world.until_quiet()
    assert len(world.checkpoints_) == 1
    world.stop(box)
    world.start(box)
    world.until_quiet()
    assert len(world.checkpoints_) == 1
    in_and_out(world, 1, historyLimit=0)
    assert not world.checkpoints_


@pytest.mark.parametrize("end", ["stop", "remove"])
@pytest.mark.parametrize("unschedulable", [True, False], ids=["drained", "cancelled"])
def test_a_checkpoint_that_came_too_late_is_deleted_even_by_an_agent_that_is_killed(
    world: World, end: str, unschedulable: bool
) -> None:
    box = world.run("a")
    world.ask(unschedulable=True)
    world.turn()
    if end == "stop":
        world.stop(box)
    else:
        del world.boxes["a"]
    world.ask(unschedulable=unschedulable)

    def die(_: str) -> None:
        raise Killed

    world.end(of(world, "a"))
    world.on_delete = die
    with pytest.raises(Killed):
        world.turn()
    world.on_delete = lambda _: None
    world.agent()
    world.until_quiet()
    assert not world.checkpoints_
    assert world.told == {"a": "Gone"}
    if end == "stop":
        assert "checkpoint" not in world.record("a")
        assert world.events[1] == (
            "Normal ContainerStopped: Container name-a ended before the drain saved it; the"
            " ContainerCheckpoint that came too late is deleted"
        )


def test_a_failed_restore_is_kept_while_its_state_waits(world: World) -> None:
    drained(world, "a")
    world.ask(unschedulable=False, historyLimit=0)
    world.turn()
    world.end(world.under_way("ContainerRestore")[0], well=False)
    world.until_quiet()
    assert len(world.checkpoints_) == len(world.restores_) == 1
    world.start(world.boxes["a"])
    world.until_quiet()
    assert not world.checkpoints_
    assert not world.restores_


def test_a_state_of_which_no_drain_knows_any_more_keeps_its_checkpoint(world: World) -> None:
    """As when the PodmanHost was deleted and has come back."""
    drained(world, "a")
    world.host["status"] = {}
    world.ask(unschedulable=True, historyLimit=0)
    world.until_quiet()
    assert world.told == {}
    assert list(world.checkpoints_) == [world.boxes["a"].saved_by]


def test_an_agent_goes_on_with_what_it_hears_of_before_it_hears_of_the_host(world: World) -> None:
    world.run("a")
    world.ask(unschedulable=True, historyLimit=0)
    world.until_quiet()
    world.ask(unschedulable=False, historyLimit=0)
    world.turn()
    world.end(world.under_way("ContainerRestore")[0])

    def die(_: str) -> None:
        raise Killed

    world.on_delete = die
    with pytest.raises(Killed):
        world.turn()
    world.agent()
    world.on_delete = lambda _: None
    world.drain.touched()
    assert world.drain.turn() is None
    world.drain.seen(world.host, deleted=False)
    world.drain.turn()
    assert not world.checkpoints_


def test_what_was_made_for_a_removed_container_goes_with_the_next_drain(world: World) -> None:
    world.run("a")
    world.run("b")
    in_and_out(world, 1)
    del world.boxes["a"]
    world.until_quiet()
    assert len(world.checkpoints_) == 2
    in_and_out(world, 1)
    assert len(world.checkpoints_) == len(world.restores_) == 2
    assert {each["spec"]["containerRef"]["id"] for each in world.checkpoints_.values()} == {"b"}


def test_an_api_server_that_lets_nothing_be_deleted_does_not_hold_up_a_drain(
    world: World,
) -> None:
    def refuse(_: str) -> None:
        raise StatusUnwritable("forbidden")

    world.on_delete = refuse
    world.run("a")
    in_and_out(world, 2, historyLimit=0)
    assert world.drained() == ("False", "NotDraining")
    assert len(world.checkpoints_) == 2


def test_a_shutdown_that_waits_is_a_drain(world: World) -> None:
    world.run("a")
    world.run("ignored", labels={})
    world.shutdown = "request"
    assert world.turn()
    assert world.answers[-1] == Answer(waiting=("name-a",))
    assert world.condition["message"].startswith("The host shuts down. ")

    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert world.answers[-1] == Answer(safe=("name-a",))
    assert world.boxes["a"].saved

    world.reboot()
    world.until_quiet()
    assert world.told == {"a": "Restored"}
    assert world.drained() == ("False", "NotDraining")


def test_a_cancelled_shutdown_restores(world: World) -> None:
    world.run("a")
    world.shutdown = "request"
    world.until_quiet()
    world.shutdown = None
    world.until_quiet()
    assert world.boxes["a"].alive
    assert world.drained() == ("False", "NotDraining")


def test_a_shutdown_of_a_drained_host_waits_for_nothing(world: World) -> None:
    drained(world, "a")
    world.shutdown = "request"
    world.turn()
    assert world.answers == [Answer(safe=("name-a",))]
    world.reboot()
    world.until_quiet()
    assert world.drained() == ("True", "Drained")
    assert world.told == {"a": "Safe"}


def test_a_shutdown_with_nothing_to_save_waits_for_nothing(world: World) -> None:
    world.run("ignored", labels={})
    world.shutdown = "request"
    world.turn()
    assert world.answers == [Answer()]


def test_who_cannot_be_saved_does_not_end_in_a_shutdown_what_it_needs(world: World) -> None:
    world.run("base")
    world.run("needs", dependencies=("base",))
    world.shutdown = "request"
    world.turn()
    world.end(of(world, "needs"), well=False)
    world.turn()
    world.end(of(world, "base"))
    world.turn()
    (answer,) = world.answers[-1:]
    assert (answer.safe, answer.waiting, list(answer.lost)) == (("name-base",), (), ["name-needs"])
    assert "because of GhostFileTooLarge" in answer.lost["name-needs"]

    world.reboot()
    world.until_quiet()
    assert world.told == {"base": "Restored", "needs": "Gone"}


def test_a_shutdown_hears_of_an_api_server_that_is_away(world: World) -> None:
    world.run("a")
    world.shutdown = "request"
    world.error = StatusUnwritable("no route to host")
    world.turn()
    assert world.answers == [Answer(trouble="no route to host")]
    world.error = None
    world.until_quiet()
    assert world.answers[-1] == Answer(safe=("name-a",))


IDS = st.sampled_from("abcde")


class Histories(RuleBasedStateMachine):
    """Whatever happens, whenever the agent is killed: nothing that was saved is left behind."""

    @initialize(limit=st.integers(0, 2))
    def begin(self, limit: int) -> None:
        self.world = World()
        self.limit = limit
        self.wrong: list[str] = []
        self.world.on_make = self.in_order
        self.world.on_delete = self.only_history
        needs = {"a": (), "b": ("a",), "c": (), "d": ("b",), "e": ("c",)}
        for container_id, needed in needs.items():
            pod = "pod" if container_id in "cd" else ""
            self.world.run(container_id, dependencies=needed, pod=pod)

    def in_order(self, manifest: dict[str, Any]) -> None:
        """Note what is made too early; raised here, it would be an error of the agent's."""
        boxes = self.world.boxes
        if manifest["kind"] == "ContainerCheckpoint":
            container_id = manifest["spec"]["containerRef"]["id"]
            under_way = self.world.under_way("ContainerCheckpoint")
            if container_id in [each["spec"]["containerRef"]["id"] for each in under_way]:
                self.wrong.append(f"a second checkpoint of {container_id}")
            runs = container_id in boxes and boxes[container_id].alive
            for box in boxes.values() if runs else ():
                lost = self.world.shutdown and self.world.told.get(box.id) == "Failed"
                if box.alive and container_id in box.dependencies and not lost:
                    self.wrong.append(f"{container_id} before {box.id}, which needs it")
            return
        box_of_it = boxes.get(self.world.container_of(manifest))
        for needed in box_of_it.dependencies if box_of_it else ():
            if needed in boxes and boxes[needed].saved:
                self.wrong.append(f"{manifest['metadata']['name']} before {needed}")

    def only_history(self, name: str) -> None:
        """Note a resource that is deleted although a state waits for it."""
        for box in self.world.boxes.values():
            if box.saved and box.saved_by == name:
                self.wrong.append(f"{name} is deleted while {box.id} waits")

    @invariant()
    def all_in_order(self) -> None:
        assert getattr(self, "wrong", []) == []

    @rule()
    def turn(self) -> None:
        self.world.turn()
        if self.world.drained()[0] == "True":
            assert not any(box.alive for box in self.world.boxes.values())

    @rule(calls=st.integers(0, 12))
    def turn_of_an_agent_that_is_killed(self, calls: int) -> None:
        self.world.budget = calls
        with suppress(Killed):
            self.world.turn()
        self.world.budget = None
        self.world.agent()

    @rule(unschedulable=st.booleans())
    def ask(self, unschedulable: bool) -> None:
        if self.world.host["spec"].get("unschedulable", False) != unschedulable:
            self.world.ask(unschedulable=unschedulable, historyLimit=self.limit)

    @rule()
    def shut_down(self) -> None:
        self.world.shutdown = "request"

    @rule()
    def cancel_shutdown(self) -> None:
        self.world.shutdown = None

    @precondition(lambda self: self.world.shutdown)
    @rule()
    def shutdown_goes_on(self) -> None:
        """Nobody has touched the host since: what is called safe is so."""
        self.world.until_quiet()
        answer = self.world.answers[-1]
        assert answer.over
        saved = {f"name-{box.id}" for box in self.world.boxes.values() if box.saved}
        alive = {f"name-{box.id}" for box in self.world.boxes.values() if box.alive}
        assert set(answer.safe) <= saved
        assert alive <= set(answer.lost)
        self.world.reboot()

    @precondition(lambda self: self.world.under_way("ContainerCheckpoint"))
    @rule(well=st.booleans())
    def end_checkpoint(self, well: bool) -> None:
        self.world.end(self.world.under_way("ContainerCheckpoint")[0], well=well)

    @precondition(lambda self: self.world.under_way("ContainerCheckpoint"))
    @rule(saves=st.booleans())
    def delete_under_way(self, saves: bool) -> None:
        """The operation of one that is deleted goes on, and nobody hears of its end."""
        deleted = self.world.under_way("ContainerCheckpoint")[0]
        if saves:
            self.world.end(deleted)
        del self.world.checkpoints_[deleted["metadata"]["name"]]

    @precondition(lambda self: self.world.under_way("ContainerRestore"))
    @rule(well=st.booleans(), dies=st.booleans())
    def end_restore(self, well: bool, dies: bool) -> None:
        self.world.end(self.world.under_way("ContainerRestore")[-1], well=well, dies=dies)

    @rule(container_id=IDS)
    def start(self, container_id: str) -> None:
        box = self.world.boxes.get(container_id)
        if box and not box.alive:
            self.world.start(box)

    @rule(container_id=IDS)
    def stop(self, container_id: str) -> None:
        box = self.world.boxes.get(container_id)
        if box and box.alive:
            self.world.stop(box)

    @rule(container_id=IDS)
    def remove(self, container_id: str) -> None:
        boxes = self.world.boxes
        if not any(container_id in box.dependencies for box in boxes.values()):
            boxes.pop(container_id, None)

    @rule()
    def reboot(self) -> None:
        self.world.reboot()

    @rule()
    def delete_failed(self) -> None:
        for kept in (self.world.checkpoints_, self.world.restores_):
            for name, each in list(kept.items()):
                if any(
                    it["type"] == "Stalled" for it in each.get("status", {}).get("conditions", ())
                ):
                    del kept[name]

    @rule(unschedulable=st.booleans())
    def all_goes_well(self, unschedulable: bool) -> None:
        self.delete_failed()
        self.ask(unschedulable)
        self.world.until_quiet()
        assert not unschedulable or self.world.drained() == ("True", "Drained")

    @invariant()
    def one_record_of_each(self) -> None:
        status = self.world.host.get("status", {})
        ids = [each["id"] for each in (status.get("drain") or {}).get("containers", ())]
        assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.cancel_shutdown()
        self.ask(False)
        self.world.until_quiet()
        for _ in range(3):
            self.delete_failed()
            self.world.until_quiet()
        assert [box.id for box in self.world.boxes.values() if box.saved and not box.alive] == []
        if self.world.told:
            assert self.world.drained() == ("False", "NotDraining")


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=times(200, soak=3000), stateful_step_count=30, deadline=None
)
