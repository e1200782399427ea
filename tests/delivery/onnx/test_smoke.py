from tests.delivery.onnx.converter_harness import *
import pytest, sklearn
from sklearn.preprocessing import *
from sklearn.impute import *
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.linear_model import *
from sklearn.decomposition import *
from sklearn.feature_selection import *

def y(f): return (f["a"]>0).astype(int)

@pytest.mark.parametrize("m", [StandardScaler(), MinMaxScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), Normalizer(), Normalizer("l1"), Normalizer("max"), Binarizer(threshold=.2), PolynomialFeatures(3), KBinsDiscretizer(5, encode="ordinal"), KBinsDiscretizer(5, encode="onehot"), SimpleImputer(), PCA(2), PCA(2, whiten=True), TruncatedSVD(2), SelectKBest(k=2), VarianceThreshold(), FunctionTransformer(np.log1p)], ids=str)
def test_num(m):
    f=numbers()
    if isinstance(m, FunctionTransformer): f=f.abs()
    c=ConvertedStep(m.fit(f, y(f)), f)
    c.require_equal(numbers(seed=3) if not isinstance(m, FunctionTransformer) else f)
    if not isinstance(m, FunctionTransformer): c.require_equal(odd_numbers())

@pytest.mark.parametrize("nulls", [None, [None], [np.nan]], ids=str)
@pytest.mark.parametrize("m", [OneHotEncoder(handle_unknown="ignore"), OneHotEncoder(drop="first", handle_unknown="ignore"), OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=45), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-1), make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore"))], ids=str)
def test_text(m, nulls):
    f=cities(nulls)
    c=ConvertedStep(m.fit(f), f)
    c.require_equal(cities(nulls, seed=4))
    g=cities(nulls, seed=5); g.loc[3,"city"]="unseen"; g.loc[4,"plan"]="\x00"; g.loc[5,"plan"]="nan"; g.loc[6,"plan"]="None"
    c.require_equal(g)

@pytest.mark.parametrize("m", [LogisticRegression(), SGDClassifier(loss="log_loss"), SGDClassifier(loss="modified_huber")], ids=str)
@pytest.mark.parametrize("k", [2,3])
@pytest.mark.parametrize("o", ["predict", "predict_proba"])
def test_cls(m,k,o):
    f=numbers(); t=y(f)+ (0 if k==2 else (f.b>5000).astype(int))
    p=make_pipeline(StandardScaler(), m).fit(f, np.array(["x","y","z"])[t])
    ConvertedStep(p,f,o).require_equal(numbers(seed=5))
@pytest.mark.parametrize("m", [LinearRegression(), PoissonRegressor(), Ridge(), TweedieRegressor(), QuantileRegressor()], ids=str)
def test_reg(m):
    f=numbers(); p=make_pipeline(StandardScaler(), m).fit(f, f.c)
    ConvertedStep(p,f,"predict").require_equal(numbers(seed=5))
def test_ct():
    f=pd.concat([numbers(), cities([np.nan])], axis=1); f.loc[::3,"a"]=np.nan
    ct=make_column_transformer((make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["a","c"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]), (OrdinalEncoder(encoded_missing_value=-1), ["plan"]), remainder="passthrough")
    p=make_pipeline(ct, LogisticRegression(max_iter=10000)).fit(f, (f.b>5000).astype(int))
    ConvertedStep(p,f,"predict_proba").require_equal(f)
