from loop.cloud import connect
from loop.core.environment import PlatformTarget, Service

TARGET = PlatformTarget(project="1234567", region="europe-west1", repository="r", bucket="b")
SERVICE = Service(name="auth", service="acme-auth")


def test_on_google_the_address_follows_from_service_project_number_and_region():
    platform = connect(TARGET)
    assert platform.url(SERVICE) == "https://acme-auth-1234567.europe-west1.run.app"
    assert platform.url(SERVICE, tag="la1b2c3-4") == "https://la1b2c3-4---acme-auth-1234567.europe-west1.run.app"


def test_an_address_of_the_configuration_replaces_the_services_but_not_its_tags():
    service = Service(name="auth", service="acme-auth", url="https://auth.acme.example")
    platform = connect(TARGET)
    assert platform.url(service) == "https://auth.acme.example"
    assert "---acme-auth" in platform.url(service, tag="la1b2c3-4")
