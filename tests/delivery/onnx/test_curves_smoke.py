from tests.delivery.onnx.converter_harness import *
import pytest
from sklearn.preprocessing import *
@pytest.mark.parametrize("m", [PowerTransformer(), PowerTransformer(standardize=False), QuantileTransformer(n_quantiles=50), QuantileTransformer(n_quantiles=50, output_distribution="normal"), SplineTransformer(), SplineTransformer(extrapolation="continue", degree=2), SplineTransformer(include_bias=False)], ids=str)
def test_num(m):
    f=numbers()
    c=ConvertedStep(m.fit(f), f)
    c.require_equal(f, 1e-9)
    c.require_equal(numbers(seed=3), 1e-9)
    if "continue" not in str(m): c.require_equal(odd_numbers(), 1e-9)
def test_box():
    f=numbers()[["b"]]; m=PowerTransformer("box-cox").fit(f); c=ConvertedStep(m,f); c.require_equal(f,1e-9); c.require_both_fail(pd.DataFrame({"b":[0.0]})); c.require_both_fail(pd.DataFrame({"b":[-1.0]}))
