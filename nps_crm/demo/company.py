"""The cast of the demo: Fleetdesk, which sells route planning, its people and its customers."""

from dataclasses import dataclass

COMPANY = "Fleetdesk"
POSTAL_ADDRESS = "Fleetdesk GmbH, Hafenstr. 4, 20457 Hamburg"
COLOUR = "#0b6e6e"
PASSWORD = "fleetdesk-demo"  # noqa: S105 - printed for every newcomer


@dataclass(frozen=True, slots=True)
class Colleague:
    name: str
    email: str
    role: str
    team: str
    title: str


PEOPLE = (
    Colleague("Ada Brandt", "admin@fleetdesk.example", "administrator", "", "Administrator"),
    Colleague("Noor Haddad", "lead@fleetdesk.example", "lead", "", "Head of Customer Success"),
    Colleague("Mara Lindqvist", "mara@fleetdesk.example", "csm", "North", "Customer Success Manager"),
    Colleague("Jakub Zielinski", "jakub@fleetdesk.example", "csm", "North", "Customer Success Manager"),
    Colleague("Elif Aydin", "elif@fleetdesk.example", "csm", "North", "Customer Success Manager"),
    Colleague("Tom Okafor", "tom@fleetdesk.example", "csm", "North", "Onboarding Manager"),
    Colleague("Clara Fontaine", "clara@fleetdesk.example", "csm", "South", "Customer Success Manager"),
    Colleague("Diego Marin", "diego@fleetdesk.example", "csm", "South", "Customer Success Manager"),
    Colleague("Giulia Ferraro", "giulia@fleetdesk.example", "csm", "South", "Customer Success Manager"),
    Colleague("Peter Novak", "peter@fleetdesk.example", "csm", "South", "Customer Success Manager"),
    Colleague("Ines Weber", "viewer@fleetdesk.example", "viewer", "", "Finance"),
)

STAGES = (("Onboarding", True), ("Adoption", True), ("Growth", True), ("Renewal", True), ("Churned", False))


@dataclass(frozen=True, slots=True)
class Market:
    country: str
    language: str
    zone: str
    cities: tuple[str, ...]
    forms: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    top: str


MARKETS = (
    Market(
        "DE", "de", "Europe/Berlin", ("Hamburg", "Bremen", "Leipzig", "Köln", "Nürnberg", "Kassel"),
        ("GmbH", "AG", "GmbH & Co. KG"),
        ("Jonas", "Lena", "Felix", "Katrin", "Mehmet", "Sabine", "Ole", "Miriam", "Torsten", "Aylin", "Jürgen", "Svenja"),
        ("Petersen", "Vogt", "Krüger", "Schäfer", "Kaya", "Hoffmann", "Brinkmann", "Lorenz", "Yılmaz", "Ahlers"),
        "de",
    ),
    Market(
        "FR", "fr", "Europe/Paris", ("Lyon", "Lille", "Nantes", "Rennes"), ("SAS", "SARL"),
        ("Camille", "Julien", "Chloé", "Mathieu", "Inès", "Hugo", "Élodie", "Karim"),
        ("Moreau", "Lefèvre", "Benali", "Garnier", "Roux", "Chevalier", "Perrin"), "fr",
    ),
    Market(
        "GB", "en", "Europe/London", ("Leeds", "Bristol", "Glasgow", "Hull", "Cardiff"), ("Ltd", "plc", "LLP"),
        ("Olivia", "Jack", "Amara", "Callum", "Priya", "George", "Niamh", "Samuel"),
        ("Hughes", "Campbell", "Osei", "Patel", "Whitfield", "Murray", "O'Neill", "Barker"), "co.uk",
    ),
    Market(
        "ES", "es", "Europe/Madrid", ("Valencia", "Bilbao", "Zaragoza", "Vigo"), ("S.L.", "S.A."),
        ("Lucía", "Javier", "Carmen", "Álvaro", "Nuria", "Pablo"),
        ("Ortega", "Navarro", "Iglesias", "Castaño", "Muñoz", "Vidal"), "es",
    ),
    Market(
        "IT", "it", "Europe/Rome", ("Bologna", "Torino", "Verona", "Genova"), ("S.p.A.", "S.r.l."),
        ("Francesca", "Luca", "Alessia", "Matteo", "Paola", "Davide"),
        ("Conti", "Rinaldi", "Marchetti", "Greco", "Fabbri", "Ferrero"), "it",
    ),
    Market(
        "US", "en", "America/Chicago", ("Columbus", "Memphis", "Denver", "Omaha"), ("Inc.", "LLC"),
        ("Emily", "Marcus", "Grace", "Tyler", "Sofia", "Andre"),
        ("Johnson", "Ramirez", "Kowalski", "Nguyen", "Bennett", "Foster"), "com",
    ),
)  # fmt: skip

STEMS_BY_LANGUAGE = {
    "de": (
        "Nordwind", "Brückner", "Alster", "Hansekai", "Eichhof", "Falkenried", "Bergmann", "Isar", "Weserland",
        "Kranich", "Moorland", "Elbtor", "Rheinufer", "Tannberg", "Möwe",
    ),
    "fr": ("Lumière", "Garonne", "Atlantide", "Bellerive", "Montclair", "Rochefort", "Valmont", "Ardoise"),
    "en": (
        "Harwick", "Northgate", "Pennine", "Clydebank", "Merrow", "Ashdown", "Fenland", "Thornbury", "Prairie",
        "Lakeshore", "Redwood", "Blue Ridge", "Great Plains", "Summit",
    ),
    "es": ("Levante", "Ebro", "Cantábrica", "Altamira", "Montesol", "Riojana"),
    "it": ("Adriatica", "Ligure", "Padana", "Aurora", "Tiberina", "Dolomiti"),
}  # fmt: skip
TRADES_BY_LANGUAGE = {
    "de": ("Logistik", "Spedition", "Frischdienst", "Baustoffe", "Kurier", "Getränke", "Möbel"),
    "fr": ("Transports", "Logistique", "Frais", "Livraison", "Matériaux", "Messagerie"),
    "en": ("Logistics", "Haulage", "Foods", "Couriers", "Supply", "Freight", "Medical"),
    "es": ("Transportes", "Logística", "Distribución", "Alimentos", "Mensajería"),
    "it": ("Trasporti", "Logistica", "Alimentari", "Corrieri", "Distribuzione"),
}
INDUSTRIES = (
    "Parcel and courier",
    "Food delivery",
    "Building supplies",
    "Healthcare supply",
    "Retail",
    "Waste and recycling",
)
JOBS = {
    "decision_maker": ("Head of Operations", "Managing Director", "COO", "Head of Logistics"),
    "champion": ("Dispatch Manager", "Fleet Manager", "Transport Planner"),
    "user": ("Dispatcher", "Route Planner", "Driver Coordinator", "Depot Supervisor", "Operations Analyst"),
    "billing": ("Controller", "Head of Finance"),
}
