from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import clean
from hyperdyn.nn.mlp import mlp


class Offset(AbstractDynamics):
    """f(x) + sum_i (y_i - f(x_i)) / (K + 1): one network, put right by how far it was off on average."""

    def __init__(self, spec, hidden=(128, 128)):
        super().__init__(spec)
        self.sizes = (spec.input_dim, *hidden, spec.change_dim)
        self.net = mlp(self.sizes)

    @property
    def executed_sizes(self):  # of the network that one predicted step executes
        return self.sizes

    def adapt(self, context):
        x, y, known = clean(*self.norm.pairs(context.history), context.mask)  # [B,K,X], [B,K,Y], [B,K]
        off = ((y - self.net(x)) * known[..., None]).sum(1) / (known.sum(1) + 1)[:, None]  # [B,Y]
        return ChangeExpert(self.norm, lambda x: self.net(x) + off[:, None])
