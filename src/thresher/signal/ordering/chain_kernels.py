"""The search of `chain`: plain Python that numba can compile without changes.

The search looks for a closed tour through the clips and one more node, the gap, where the path starts and ends.
Nodes 0 … n - 1 are the clips, node n is the gap. The arguments are either all lists or all one-dimensional
arrays:

- `scores`: the score of nodes a and b at a * nodes + b; float32 if it is an array
- `near`, `nearness`: the NEAR nodes that have the best scores with clip a, from a * NEAR on, and those scores
- `tour`, `where`: the nodes in order, and the position of each node in the tour
- `waiting`, `queued`: a stack of nodes to examine, and whether a node is on it
- `log`: four nodes for each exchange, see `exchange`
- `sizes`: the used length of `waiting` and of `log`, and the state of the random numbers

Gains are float64 sums of few terms in a fixed order. Therefore the tour is the same on every machine, compiled
or not.
"""

from __future__ import annotations

from typing import Any

Numbers = Any

NEAR = 10
LONGEST_MOVED = 3
LOG_ROOM = 4_000
LEAST_GAIN = 1e-9  # far above the rounding error of a sum of eight float32 transitions
HEAT = 0.1  # part of the mean difference between the best and the last near transition; 0.4 gives worse paths
WAITING, LOGGED, STATE = 0, 1, 2


def exchange(tour: Numbers, where: Numbers, one: int, next_one: int, other: int, next_other: int) -> None:
    """Replace the transitions one–next_one and other–next_other by one–other and next_one–next_other.

    Both `next_` nodes follow their node in the tour, or both precede it. The shorter stretch is reversed.
    """
    nodes = len(tour)
    first, last = where[next_one], where[other]
    if tour[(where[one] + 1) % nodes] != next_one:
        first, last = where[one], where[next_other]
    inside = (last - first) % nodes + 1
    if 2 * inside > nodes:
        first, last, inside = (last + 1) % nodes, (first - 1) % nodes, nodes - inside
    for _ in range(inside // 2):
        here, there = tour[first], tour[last]
        tour[first] = there
        tour[last] = here
        where[there] = first
        where[here] = last
        first += 1
        if first == nodes:
            first = 0
        last -= 1
        if last < 0:
            last = nodes - 1


def plan(log: Numbers, sizes: Numbers, one: int, next_one: int, other: int, next_other: int) -> None:
    """Append one exchange of edges to the log."""
    used = sizes[LOGGED]
    log[used] = one
    log[used + 1] = next_one
    log[used + 2] = other
    log[used + 3] = next_other
    sizes[LOGGED] = used + 4


def carry_out(
    tour: Numbers, where: Numbers, waiting: Numbers, queued: Numbers, log: Numbers, sizes: Numbers, start: int
) -> None:
    """Make the exchanges in the log from `start` on, and queue their nodes to be examined again."""
    for at in range(start, sizes[LOGGED], 4):
        exchange(tour, where, log[at], log[at + 1], log[at + 2], log[at + 3])
    for at in range(sizes[LOGGED] - 1, start - 1, -1):
        node = log[at]
        if not queued[node]:
            queued[node] = 1
            waiting[sizes[WAITING]] = node
            sizes[WAITING] += 1


def take_back(tour: Numbers, where: Numbers, log: Numbers, sizes: Numbers) -> None:
    """Undo all exchanges in the log, the last one first."""
    for at in range(sizes[LOGGED] - 4, -1, -4):
        exchange(tour, where, log[at], log[at + 2], log[at + 1], log[at + 3])
    sizes[LOGGED] = 0


def two_opt(
    scores: Numbers, near: Numbers, nearness: Numbers, tour: Numbers, where: Numbers, log: Numbers, sizes: Numbers,
    clip: int, step: int,
) -> Any:  # fmt: skip
    """2-opt: plan to join `clip` to a near clip instead of its neighbour. Returns the gain, 0 if there is none."""
    nodes = len(tour)
    neighbour = tour[(where[clip] + step) % nodes]
    lost = 0.0 + scores[clip * nodes + neighbour]
    for k in range(clip * NEAR, clip * NEAR + NEAR):
        gain = nearness[k] - lost
        if gain <= LEAST_GAIN:
            break
        other = near[k]
        beyond = tour[(where[other] + step) % nodes]
        gain = gain + scores[neighbour * nodes + beyond] - scores[other * nodes + beyond]
        if gain > LEAST_GAIN:
            plan(log, sizes, clip, neighbour, other, beyond)
            return gain
    return 0.0


def or_opt(
    scores: Numbers, near: Numbers, nearness: Numbers, tour: Numbers, where: Numbers, log: Numbers, sizes: Numbers,
    clip: int, step: int,
) -> Any:  # fmt: skip
    """Or-opt: plan to move up to three nodes from `clip` on next to a near clip. Returns the gain, or 0."""
    nodes = len(tour)
    start = where[clip]
    before = tour[(start - step) % nodes]
    lost = 0.0 + scores[before * nodes + clip]
    if nearness[clip * NEAR] - lost <= LEAST_GAIN:
        return 0.0
    for length in range(LONGEST_MOVED):
        last = tour[(start + length * step) % nodes]
        behind = tour[(start + (length + 1) * step) % nodes]
        closed = scores[before * nodes + behind] - lost - scores[last * nodes + behind]
        for k in range(clip * NEAR, clip * NEAR + NEAR):
            if nearness[k] - lost <= LEAST_GAIN:
                break
            other = near[k]
            if (where[other] - start) * step % nodes <= length:
                continue
            for side in (step, -step):
                beyond = tour[(where[other] + side) % nodes]
                gain = closed + nearness[k] + scores[last * nodes + beyond] - scores[other * nodes + beyond]
                if gain > LEAST_GAIN and beyond != clip and beyond != last:
                    # before–clip…last–behind becomes before–behind and other–clip…last–beyond
                    if side == step:
                        plan(log, sizes, before, clip, other, beyond)
                        plan(log, sizes, before, other, behind, last)
                        plan(log, sizes, other, last, clip, beyond)
                    else:
                        plan(log, sizes, before, clip, beyond, other)
                        plan(log, sizes, before, beyond, behind, last)
                    return gain
    return 0.0


def three_opt(
    scores: Numbers, near: Numbers, nearness: Numbers, tour: Numbers, where: Numbers, log: Numbers, sizes: Numbers,
    clip: int, step: int,
) -> Any:  # fmt: skip
    """3-opt: plan two exchanges, of which the first alone may be a loss. Returns the gain of both, or 0."""
    nodes = len(tour)
    neighbour = tour[(where[clip] + step) % nodes]
    start = where[neighbour]
    lost = 0.0 + scores[clip * nodes + neighbour]
    for k in range(clip * NEAR, clip * NEAR + NEAR):
        if nearness[k] - lost <= LEAST_GAIN:
            break
        other = near[k]
        beyond = tour[(where[other] + step) % nodes]
        if beyond == nodes - 1 or other == neighbour:
            continue
        held = nearness[k] - lost - scores[other * nodes + beyond]
        inside = (where[other] - start) * step % nodes
        for j in range(beyond * NEAR, beyond * NEAR + NEAR):
            gain = held + nearness[j]
            if gain <= LEAST_GAIN:
                break
            third = near[j]
            # The first exchange reverses the stretch from `neighbour` to `other`.
            turns = (where[third] - start) * step % nodes <= inside
            last = tour[(where[third] + (step if turns else -step)) % nodes]
            gain = gain - scores[third * nodes + last] + scores[last * nodes + neighbour]
            if gain > LEAST_GAIN and third != neighbour and third != other:
                plan(log, sizes, clip, neighbour, other, beyond)
                plan(log, sizes, beyond, neighbour, third, last)
                return gain
    return 0.0


def settle(
    scores: Numbers, near: Numbers, nearness: Numbers, tour: Numbers, where: Numbers,
    waiting: Numbers, queued: Numbers, log: Numbers, sizes: Numbers,
) -> Any:  # fmt: skip
    """Improve the tour around the waiting nodes until none waits or the log is full. Returns the total gain."""
    gained = 0.0
    while sizes[WAITING] > 0:
        sizes[WAITING] -= 1
        clip = waiting[sizes[WAITING]]
        queued[clip] = 0
        gain = 1.0 if clip < len(tour) - 1 else 0.0
        while gain > 0 and sizes[LOGGED] <= LOG_ROOM - 12:
            start = sizes[LOGGED]
            gain = 0.0
            for step in (1, -1):
                if gain == 0:
                    gain = two_opt(scores, near, nearness, tour, where, log, sizes, clip, step)
            for step in (1, -1):
                if gain == 0:
                    gain = or_opt(scores, near, nearness, tour, where, log, sizes, clip, step)
            for step in (1, -1):
                if gain == 0:
                    gain = three_opt(scores, near, nearness, tour, where, log, sizes, clip, step)
            carry_out(tour, where, waiting, queued, log, sizes, start)
            gained += gain
    return gained


def drawn(sizes: Numbers, below: int) -> Any:
    """The next number of a fixed random sequence (Lehmer's, modulo the prime 2³¹ - 1), below `below`."""
    sizes[STATE] = sizes[STATE] * 48271 % 2147483647
    return sizes[STATE] % below


def swap(scores: Numbers, near: Numbers, tour: Numbers, where: Numbers, log: Numbers, sizes: Numbers) -> Any:
    """Plan to swap two stretches between three clips near each other. Returns the gain, mostly a loss."""
    nodes = len(tour)
    clip = drawn(sizes, nodes)
    clip = tour[clip] if tour[clip] < nodes - 1 else tour[clip - 1]
    first = where[clip]
    clip = near[clip * NEAR + drawn(sizes, NEAR)]
    middle = where[clip]
    end = where[near[clip * NEAR + drawn(sizes, NEAR)]]
    if first > middle:
        first, middle = middle, first
    if middle > end:
        middle, end = end, middle
    if first > middle:
        first, middle = middle, first
    if first == middle or middle == end or (end + 1) % nodes == first:
        return 0.0
    before, one, one_last = tour[first], tour[first + 1], tour[middle]
    other, other_last, behind = tour[middle + 1], tour[end], tour[(end + 1) % nodes]
    plan(log, sizes, before, one, other_last, behind)
    plan(log, sizes, before, other_last, other, one_last)
    plan(log, sizes, other_last, one_last, one, behind)
    gain = (
        0.0
        + scores[before * nodes + other]
        + scores[other_last * nodes + one]
        + scores[one_last * nodes + behind]
    )
    gain = gain - scores[before * nodes + one] - scores[one_last * nodes + other]
    return gain - scores[other_last * nodes + behind]


def improve(
    scores: Numbers, near: Numbers, nearness: Numbers, tour: Numbers, where: Numbers,
    waiting: Numbers, queued: Numbers, log: Numbers, sizes: Numbers, rounds: int, heat: float,
) -> None:  # fmt: skip
    """Improve the tour from all nodes; then `rounds` times swap, improve, and undo what costs too much.

    The loss that a round may cause decreases from `heat` to 0 (threshold accepting). The first round does not swap.
    """
    nodes = len(tour)
    for at in range(nodes):
        waiting[at] = tour[nodes - 1 - at]
        queued[at] = 1
    sizes[WAITING] = nodes
    for left in range(rounds, -1, -1):
        gain = 0.0
        start = sizes[LOGGED]  # 0, but numba would compile `carry_out` again for a literal
        if left < rounds:
            gain = swap(scores, near, tour, where, log, sizes)
            carry_out(tour, where, waiting, queued, log, sizes, start)
        while sizes[WAITING] > 0:
            if left == rounds:
                sizes[LOGGED] = 0
            gain += settle(scores, near, nearness, tour, where, waiting, queued, log, sizes)
            if left < rounds:
                break
        if gain < 0.0 - heat * left / (rounds + 1) * drawn(sizes, 1000) / 1000:
            take_back(tour, where, log, sizes)
        sizes[LOGGED] = 0
