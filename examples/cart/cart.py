import gymnasium
import numpy as np


class Cart(gymnasium.Env):
    """Push a cart to the middle of its rail. State: position [m], velocity [m/s]. Hidden: mass, friction."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, mass=1.0, friction=0.2):
        self.mass, self.friction, self.state = mass, friction, np.zeros(2)

    def set_state(self, state):
        self.state = state

    def segments(self, state):  # for videos: a plank from (x, z) to (x, z)
        return [[[state[0] - 0.2, 0.0], [state[0] + 0.2, 0.0]]]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2)
        return self.state, {}

    def step(self, action):
        before, (x, v) = self.state, self.state
        v = v + 0.05 * (5 * action[0] - self.friction * v) / self.mass
        self.state = np.array([x + 0.05 * v, v])
        return self.state, float(objective(before, action, self.state)), False, False, {}


def objective(obs, action, next_obs):
    return -(next_obs[..., 0] ** 2) - 0.01 * action[..., 0] ** 2


gymnasium.register("demo/Cart-v0", entry_point="cart:Cart")
