"""What the demo's customers say, by language and mood. Some only apply since the story's turn."""

PROMOTER = {
    "en": (
        "Dispatch planning saves us two hours every morning.",
        "The live map changed how we talk to our own customers. We simply know where everything is.",
        "Support answered within ten minutes on a Sunday. Who does that?",
        "Drivers actually like the app, which has never happened with any tool before.",
        "We cut our fuel bill by 9 % in the first year.",
        "Easy to learn; new dispatchers are on their own after two days.",
        "Mara knows our business better than some of our own people.",
        "",
    ),
    "de": (
        "Die Tourenplanung spart uns jeden Morgen zwei Stunden.",
        "Endlich ein Werkzeug, das unsere Fahrer freiwillig benutzen.",
        "Der Support ist schnell und freundlich, man hat immer denselben Ansprechpartner.",
        "Seit der Umstellung haben wir 12 % weniger Leerkilometer.",
        "Die neue Einführung war hervorragend vorbereitet. Nach einer Woche lief alles.",
        "",
    ),
    "fr": (
        "Un gain de temps énorme pour nos planificateurs.",
        "L’équipe répond vite et comprend notre métier.",
        "Les chauffeurs l’ont adopté en deux jours.",
        "",
    ),
    "es": (
        "Nos ahorra horas cada semana.",
        "El mapa en directo es una maravilla para atención al cliente.",
        "",
    ),
    "it": ("La pianificazione è chiara e veloce.", "Assistenza sempre disponibile e competente.", ""),
}
PASSIVE = {
    "en": (
        "Does what it should. The mobile app could be quicker.",
        "Good planning, but the export to our ERP still needs handwork.",
        "Solid. I would like to see the tolls in the cost per stop.",
        "Fine for us; setting up new depots takes too many clicks.",
        "",
        "",
    ),
    "de": (
        "Gutes Produkt, die Auswertungen könnten flexibler sein.",
        "Läuft zuverlässig. Die Schnittstelle zum ERP fehlt uns noch.",
        "In Ordnung, aber die Handy-App ist manchmal träge.",
        "",
        "",
    ),
    "fr": (
        "Bon outil, mais les rapports sont un peu rigides.",
        "Correct, l’application mobile est parfois lente.",
        "",
    ),
    "es": ("Cumple, aunque los informes son limitados.", ""),
    "it": ("Buono, ma l’app mobile è a volte lenta.", ""),
}
DETRACTOR = {
    "en": (
        "Too many clicks for simple changes to a route.",
        "We were promised the ERP connection in spring and still wait.",
        "Invoices were wrong three times this year.",
        "The optimiser ignores our time windows on busy days.",
        "Our contact changed twice in six months and we explain ourselves again each time.",
        "",
    ),
    "de": (
        "Die Rechnung stimmte dreimal nicht, und niemand fühlte sich zuständig.",
        "Zeitfenster werden an vollen Tagen einfach ignoriert.",
        "Wir warten seit dem Frühjahr auf die zugesagte ERP-Anbindung.",
        "",
    ),
    "fr": ("Trop de clics pour modifier une tournée.", "Trois erreurs de facturation cette année.", ""),
    "es": ("El optimizador no respeta las ventanas horarias.", ""),
    "it": ("Troppi clic per una modifica semplice.", ""),
}
SLOW_REPORTS = {
    "en": (
        "Reports take minutes to load since the September release. My team exports to Excel now, and nobody got back to us.",
        "Since the new release the reports time out every Monday morning, exactly when we need them.",
        "Reporting has become so slow that we stopped using it.",
    ),
    "de": (
        "Seit dem Update im September laden Berichte minutenlang. Mein Team arbeitet wieder mit Excel.",
        "Die Auswertungen brechen seit dem letzten Release montags ständig ab.",
    ),
    "fr": ("Depuis la mise à jour de septembre, les rapports mettent des minutes à charger.",),
    "es": ("Los informes tardan minutos desde la última versión.",),
    "it": ("Da settembre i report impiegano minuti per caricarsi.",),
}
BETTER_ONBOARDING = {
    "en": (
        "The new onboarding was excellent. We were live within a week.",
        "Setting up used to be painful; the new guide made it easy.",
    ),
    "de": ("Die neue Einführung war hervorragend. Nach einer Woche lief alles.",),
    "fr": ("Le nouvel accompagnement au démarrage est excellent.",),
    "es": ("La nueva puesta en marcha fue excelente.",),
    "it": ("Il nuovo avviamento è stato eccellente.",),
}

SUPPORT_GOOD = {
    "en": (
        "Solved on the first call.",
        "Hanna explained it so that I can do it myself next time.",
        "Quick, even on a Friday afternoon.",
    ),
    "de": ("Beim ersten Anruf gelöst.", "Schnell und freundlich, vielen Dank.", "Gut erklärt."),
}
SUPPORT_BAD = {
    "en": (
        "I had to explain the same thing to three people.",
        "Two days until somebody answered.",
        "The workaround works, the import still does not.",
    ),
    "de": (
        "Ich musste alles dreimal erklären.",
        "Zwei Tage bis zur ersten Antwort.",
        "Der Import geht immer noch nicht.",
    ),
}
# What is written back to a survey: a question, a wish by SMS, an absence, a thank you.
REPLIES = (
    "I would rather talk about this than give a number. Can somebody call me on Thursday morning?",
    "Can you ask Jonas instead? He runs the depot now.",
    "I am out of the office until Monday and read my mail then. In urgent cases call our dispatch desk.",
    "Done. And please thank Yusuf for the quick help with the driver app.",
)

INTERACTIONS = (
    ("call", "Quarterly check-in", "Went through usage and open wishes.", "Next call in six weeks"),
    ("meeting", "Business review", "Showed savings of the last two quarters; they want toll costs in the plan.", "Sent the roadmap"),
    ("call", "Reporting performance", "They export to Excel on Mondays. Promised an update on the report engine.", "Update promised"),
    ("mail", "Training for new dispatchers", "Sent dates for two sessions.", ""),
    ("note", "", "New head of operations starts next month; arrange an introduction.", ""),
    ("meeting", "Renewal talk", "Happy with planning, price is a topic. Wants a three-year option.", "Offer goes out on Friday"),
    ("call", "Driver app", "Two depots want the app in Polish as well. Passed on to product.", "Answer by month's end"),
    ("mail", "Release notes", "Sent what changes for dispatchers in the coming release.", ""),
    ("meeting", "Kick-off for the second depot", "Agreed on data, dates and who trains the drivers.", "Live in four weeks"),
    ("note", "", "They compare us with two other tools; the tender closes in spring.", ""),
    ("call", "Time windows", "Walked through why two tours missed their windows; a setting was wrong.", "Solved"),
    ("call", "Invoice question", "Credit note issued for the wrong month.", "Solved"),
)  # fmt: skip
