"""The peer of `bench scale`: torch's DistributedDataParallel on gloo. Parameters have the shapes of the adapter's factors; a step
is a delay, then a backward pass over the layers in which each layer waits for its part of the last micro-batch's backward time, so
that DDP's buckets are added up while earlier layers still "compute", as they would be. Each line read asks for a step."""

import json
import os
import resource
import sys
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

rank, count, port, shapes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
torch.set_num_threads(1)
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
dist.init_process_group("gloo", rank=rank, world_size=count)
GROUP = 14  # gradients of a layer


class Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, state):
        ctx.state = state
        return x

    @staticmethod
    def backward(ctx, dy):
        time.sleep(ctx.state["seconds"])
        return dy, None


class Factors(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.factors = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(*shape)) for shape in shapes])
        self.state = {"seconds": 0.0}

    def forward(self, x):
        for i in range(0, len(self.factors), GROUP):
            x = Wait.apply(x, self.state)
            for factor in self.factors[i : i + GROUP]:
                x = x + factor.sum()
        return x


model = Factors()
parallel = DistributedDataParallel(model) if count > 1 else model
layers = -(-len(shapes) // GROUP)
for line in sys.stdin:
    ask = json.loads(line)
    dist.barrier()
    start = time.perf_counter()
    time.sleep(ask["compute"] - ask["backward"])
    model.state["seconds"] = ask["backward"] / layers
    parallel(torch.ones((), requires_grad=True)).backward()
    value = float(model.factors[-1].grad[0, 0])
    assert abs(value - 1) < 1e-6, value
    model.zero_grad(set_to_none=False)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "memory": memory}), flush=True)
