"""The library's own words in the languages beside English and German, which stand with the surveys in surveys.starters.

By survey of the library and language; each entry is words as the content of a version holds them. Where a language
would inflect the product's name, the sentence is built around it.
"""

from collections.abc import Mapping
from typing import Any

Words = Mapping[str, Mapping[str, Any]]

ONBOARDING: Words = {
    "fr": {
        "question": "Dans quelle mesure êtes-vous satisfait(e) de vos débuts avec {subject} ?",
        "questions": {
            "stuck_at": {
                "text": "Qu’est-ce qui a freiné vos débuts ?",
                "options": {
                    "setup": "La mise en place",
                    "data": "La reprise de nos données",
                    "training": "La prise en main",
                    "team": "L’adhésion de l’équipe",
                    "nothing": "Rien de tout cela",
                },
            }
        },
    },
    "es": {
        "question": "¿En qué medida está satisfecho con sus comienzos con {subject}?",
        "questions": {
            "stuck_at": {
                "text": "¿Qué dificultó el comienzo?",
                "options": {
                    "setup": "La configuración",
                    "data": "La carga de nuestros datos",
                    "training": "Aprender a usarlo",
                    "team": "Implicar al equipo",
                    "nothing": "Nada de esto",
                },
            }
        },
    },
    "it": {
        "question": "Quanto è soddisfatto dei Suoi inizi con {subject}?",
        "questions": {
            "stuck_at": {
                "text": "Che cosa ha rallentato l’avvio?",
                "options": {
                    "setup": "La configurazione",
                    "data": "Il trasferimento dei nostri dati",
                    "training": "Imparare a usarlo",
                    "team": "Coinvolgere il team",
                    "nothing": "Niente di tutto questo",
                },
            }
        },
    },
    "nl": {
        "question": "Hoe tevreden bent u over uw start met {subject}?",
        "questions": {
            "stuck_at": {
                "text": "Wat hield u op?",
                "options": {
                    "setup": "De inrichting",
                    "data": "Het overzetten van onze gegevens",
                    "training": "Leren hoe het werkt",
                    "team": "Het team meekrijgen",
                    "nothing": "Niets hiervan",
                },
            }
        },
    },
    "pt": {
        "question": "Qual é o seu grau de satisfação com o início da utilização de {subject}?",
        "questions": {
            "stuck_at": {
                "text": "O que dificultou o início?",
                "options": {
                    "setup": "A configuração",
                    "data": "A passagem dos nossos dados",
                    "training": "Aprender a utilizar",
                    "team": "Envolver os colegas",
                    "nothing": "Nada disto",
                },
            }
        },
    },
    "sv": {
        "question": "Hur nöjd är du med din start med {subject}?",
        "questions": {
            "stuck_at": {
                "text": "Vad stod i vägen?",
                "options": {
                    "setup": "Installationen och inställningarna",
                    "data": "Att föra över våra data",
                    "training": "Att lära sig hur det fungerar",
                    "team": "Att få med sig teamet",
                    "nothing": "Inget av detta",
                },
            }
        },
    },
    "pl": {
        "question": "Jak oceniają Państwo pierwsze tygodnie: {subject}?",
        "questions": {
            "stuck_at": {
                "text": "Co stanowiło przeszkodę?",
                "options": {
                    "setup": "Konfiguracja",
                    "data": "Przeniesienie naszych danych",
                    "training": "Nauka obsługi",
                    "team": "Zaangażowanie zespołu",
                    "nothing": "Nic z tego",
                },
            }
        },
    },
    "tr": {
        "question": "Başlangıç döneminden memnuniyetiniz ne düzeyde: {subject}?",
        "questions": {
            "stuck_at": {
                "text": "Başlangıcı ne zorlaştırdı?",
                "options": {
                    "setup": "Kurulum",
                    "data": "Verilerimizin aktarılması",
                    "training": "Kullanmayı öğrenmek",
                    "team": "Ekibi sürece katmak",
                    "nothing": "Bunların hiçbiri",
                },
            }
        },
    },
    "ja": {
        "question": "{subject}のご利用開始にどの程度ご満足いただけましたか？",
        "questions": {
            "stuck_at": {
                "text": "導入の妨げになったのは何ですか？",
                "options": {
                    "setup": "設定",
                    "data": "データの移行",
                    "training": "使い方の習得",
                    "team": "チームへの浸透",
                    "nothing": "特になし",
                },
            }
        },
    },
    "ar": {
        "question": "ما مدى رضاكم عن بدايتكم مع {subject}؟",
        "questions": {
            "stuck_at": {
                "text": "ما الذي أعاق بدايتكم؟",
                "options": {
                    "setup": "الإعداد",
                    "data": "نقل بياناتنا",
                    "training": "تعلّم الاستخدام",
                    "team": "إشراك الفريق",
                    "nothing": "لا شيء مما سبق",
                },
            }
        },
    },
}
SUPPORT_CSAT: Words = {
    "fr": {
        "question": "Dans quelle mesure êtes-vous satisfait(e) de l’aide reçue ?",
        "questions": {
            "solved": {
                "text": "Votre demande est-elle résolue ?",
                "options": {"yes": "Oui", "partly": "En partie", "no": "Non"},
            },
            "reason": {
                "text": "Qu’est-ce qui n’allait pas ?",
                "options": {
                    "slow": "C’était trop long",
                    "unclear": "La réponse était difficile à comprendre",
                    "unfriendly": "Le ton",
                    "not_solved": "Le problème n’est pas résolu",
                },
            },
        },
    },
    "es": {
        "question": "¿En qué medida está satisfecho con la ayuda recibida?",
        "questions": {
            "solved": {
                "text": "¿Está resuelta su solicitud?",
                "options": {"yes": "Sí", "partly": "En parte", "no": "No"},
            },
            "reason": {
                "text": "¿Qué no estuvo bien?",
                "options": {
                    "slow": "Tardó demasiado",
                    "unclear": "La respuesta era difícil de entender",
                    "unfriendly": "El trato",
                    "not_solved": "El problema no se resolvió",
                },
            },
        },
    },
    "it": {
        "question": "Quanto è soddisfatto dell’aiuto ricevuto?",
        "questions": {
            "solved": {
                "text": "La Sua richiesta è stata risolta?",
                "options": {"yes": "Sì", "partly": "In parte", "no": "No"},
            },
            "reason": {
                "text": "Che cosa non è andato bene?",
                "options": {
                    "slow": "Ci è voluto troppo tempo",
                    "unclear": "La risposta era difficile da capire",
                    "unfriendly": "Il tono",
                    "not_solved": "Il problema non è stato risolto",
                },
            },
        },
    },
    "nl": {
        "question": "Hoe tevreden bent u over de hulp die u kreeg?",
        "questions": {
            "solved": {
                "text": "Is uw vraag opgelost?",
                "options": {"yes": "Ja", "partly": "Gedeeltelijk", "no": "Nee"},
            },
            "reason": {
                "text": "Wat was niet goed?",
                "options": {
                    "slow": "Het duurde te lang",
                    "unclear": "Het antwoord was moeilijk te begrijpen",
                    "unfriendly": "De toon",
                    "not_solved": "Het probleem is niet opgelost",
                },
            },
        },
    },
    "pt": {
        "question": "Qual é o seu grau de satisfação com a ajuda que recebeu?",
        "questions": {
            "solved": {
                "text": "O seu pedido está resolvido?",
                "options": {"yes": "Sim", "partly": "Em parte", "no": "Não"},
            },
            "reason": {
                "text": "O que não foi bom?",
                "options": {
                    "slow": "Demorou demasiado",
                    "unclear": "A resposta era difícil de compreender",
                    "unfriendly": "O tom",
                    "not_solved": "O problema não ficou resolvido",
                },
            },
        },
    },
    "sv": {
        "question": "Hur nöjd är du med hjälpen du fick?",
        "questions": {
            "solved": {
                "text": "Är ditt ärende löst?",
                "options": {"yes": "Ja", "partly": "Delvis", "no": "Nej"},
            },
            "reason": {
                "text": "Vad var inte bra?",
                "options": {
                    "slow": "Det tog för lång tid",
                    "unclear": "Svaret var svårt att förstå",
                    "unfriendly": "Tonen",
                    "not_solved": "Problemet löstes inte",
                },
            },
        },
    },
    "pl": {
        "question": "Jak oceniają Państwo otrzymaną pomoc?",
        "questions": {
            "solved": {
                "text": "Czy sprawa została rozwiązana?",
                "options": {"yes": "Tak", "partly": "Częściowo", "no": "Nie"},
            },
            "reason": {
                "text": "Co było nie tak?",
                "options": {
                    "slow": "Trwało to zbyt długo",
                    "unclear": "Odpowiedź była trudna do zrozumienia",
                    "unfriendly": "Ton rozmowy",
                    "not_solved": "Problem nie został rozwiązany",
                },
            },
        },
    },
    "tr": {
        "question": "Aldığınız yardımdan memnuniyetiniz ne düzeyde?",
        "questions": {
            "solved": {
                "text": "Talebiniz çözüldü mü?",
                "options": {"yes": "Evet", "partly": "Kısmen", "no": "Hayır"},
            },
            "reason": {
                "text": "İyi olmayan neydi?",
                "options": {
                    "slow": "Çok uzun sürdü",
                    "unclear": "Yanıtı anlamak zordu",
                    "unfriendly": "Üslup",
                    "not_solved": "Sorun çözülmedi",
                },
            },
        },
    },
    "ja": {
        "question": "サポートの対応にどの程度ご満足いただけましたか？",
        "questions": {
            "solved": {
                "text": "お問い合わせは解決しましたか？",
                "options": {"yes": "はい", "partly": "一部解決した", "no": "いいえ"},
            },
            "reason": {
                "text": "良くなかった点は何ですか？",
                "options": {
                    "slow": "時間がかかりすぎた",
                    "unclear": "回答が分かりにくかった",
                    "unfriendly": "対応の態度",
                    "not_solved": "問題が解決しなかった",
                },
            },
        },
    },
    "ar": {
        "question": "ما مدى رضاكم عن المساعدة التي تلقيتموها؟",
        "questions": {
            "solved": {"text": "هل تم حل طلبكم؟", "options": {"yes": "نعم", "partly": "جزئيًا", "no": "لا"}},
            "reason": {
                "text": "ما الذي لم يكن جيدًا؟",
                "options": {
                    "slow": "استغرق الأمر وقتًا طويلًا",
                    "unclear": "كان الرد صعب الفهم",
                    "unfriendly": "أسلوب التعامل",
                    "not_solved": "لم تُحل المشكلة",
                },
            },
        },
    },
}
SUPPORT_CES: Words = {
    "fr": {"question": "Vous a-t-il été facile de faire résoudre votre demande ?"},
    "es": {"question": "¿Le ha resultado fácil conseguir que se resolviera su solicitud?"},
    "it": {"question": "È stato facile ottenere una soluzione alla Sua richiesta?"},
    "nl": {"question": "Hoe gemakkelijk was het om uw vraag opgelost te krijgen?"},
    "pt": {"question": "Foi fácil conseguir que o seu pedido fosse resolvido?"},
    "sv": {"question": "Hur lätt var det att få ditt ärende löst?"},
    "pl": {"question": "Jak łatwo udało się Państwu rozwiązać sprawę?"},
    "tr": {"question": "Talebinizin çözülmesini sağlamak ne kadar kolaydı?"},
    "ja": {"question": "お問い合わせを解決するのは簡単でしたか？"},
    "ar": {"question": "ما مدى سهولة حل طلبكم؟"},
}
RENEWAL: Words = {
    "fr": {
        "questions": {
            "value": {
                "text": "Est-ce que {subject} vaut son prix ?",
                "low": "pas du tout",
                "high": "tout à fait",
            },
            "missing": {"text": "De quoi avez-vous encore besoin de notre part pour rester ?"},
        }
    },
    "es": {
        "questions": {
            "value": {
                "text": "¿Vale {subject} lo que le cuesta?",
                "low": "en absoluto",
                "high": "totalmente",
            },
            "missing": {"text": "¿Qué necesita todavía de nosotros para quedarse?"},
        }
    },
    "it": {
        "questions": {
            "value": {"text": "{subject} vale quello che costa?", "low": "per niente", "high": "del tutto"},
            "missing": {"text": "Di che cosa ha ancora bisogno da noi per restare?"},
        }
    },
    "nl": {
        "questions": {
            "value": {
                "text": "Is {subject} zijn prijs waard?",
                "low": "helemaal niet",
                "high": "helemaal wel",
            },
            "missing": {"text": "Wat hebt u nog van ons nodig om te blijven?"},
        }
    },
    "pt": {
        "questions": {
            "value": {"text": "{subject} vale o que custa?", "low": "de modo nenhum", "high": "sem dúvida"},
            "missing": {"text": "De que precisa ainda da nossa parte para ficar?"},
        }
    },
    "sv": {
        "questions": {
            "value": {
                "text": "Är {subject} värt vad det kostar?",
                "low": "inte alls",
                "high": "i högsta grad",
            },
            "missing": {"text": "Vad behöver du fortfarande av oss för att stanna?"},
        }
    },
    "pl": {
        "questions": {
            "value": {
                "text": "Czy wartość odpowiada cenie: {subject}?",
                "low": "zdecydowanie nie",
                "high": "zdecydowanie tak",
            },
            "missing": {"text": "Czego jeszcze potrzebują Państwo od nas, aby zostać?"},
        }
    },
    "tr": {
        "questions": {
            "value": {
                "text": "Fiyatına değiyor mu: {subject}?",
                "low": "hiç değmiyor",
                "high": "kesinlikle değiyor",
            },
            "missing": {"text": "Bizimle kalmak için bizden başka neye ihtiyacınız var?"},
        }
    },
    "ja": {
        "questions": {
            "value": {
                "text": "{subject}には費用に見合う価値がありますか？",
                "low": "まったくない",
                "high": "十分にある",
            },
            "missing": {"text": "引き続きご利用いただくために、私どもに何をお望みですか？"},
        }
    },
    "ar": {
        "questions": {
            "value": {
                "text": "هل يستحق {subject} ما تدفعونه مقابله؟",
                "low": "لا إطلاقًا",
                "high": "نعم تمامًا",
            },
            "missing": {"text": "ما الذي ما زلتم تحتاجون إليه منا للبقاء معنا؟"},
        }
    },
}
CHURNED: Words = {
    "fr": {
        "intro": "Bonjour {{ full_name| }},\n\nvous avez quitté {subject} et nous aimerions en tirer des leçons. Une question pour commencer, dix secondes :",
        "questions": {
            "why_left": {
                "text": "Quelle est la raison principale de votre départ ?",
                "options": {
                    "price": "Le prix",
                    "features": "Il manquait quelque chose",
                    "support": "Le support",
                    "quality": "La qualité",
                    "competitor": "Une autre solution nous convient mieux",
                    "not_needed": "Nous n’en avons plus besoin",
                    "other": "Une autre raison",
                },
            },
            "competitor": {"text": "Qu’utilisez-vous à la place ?"},
            "return": {"text": "Que faudrait-il changer pour que vous reveniez ?"},
        },
    },
    "es": {
        "intro": "Hola {{ full_name| }}:\n\nha dejado {subject} y nos gustaría aprender de ello. Una pregunta para empezar, diez segundos:",
        "questions": {
            "why_left": {
                "text": "¿Cuál fue el motivo principal para irse?",
                "options": {
                    "price": "El precio",
                    "features": "Faltaba algo",
                    "support": "El soporte",
                    "quality": "La calidad",
                    "competitor": "Otra solución nos convenía más",
                    "not_needed": "Ya no lo necesitamos",
                    "other": "Otro motivo",
                },
            },
            "competitor": {"text": "¿Qué utiliza en su lugar?"},
            "return": {"text": "¿Qué tendría que cambiar para que volviera?"},
        },
    },
    "it": {
        "intro": "Buongiorno {{ full_name| }},\n\nha lasciato {subject} e vorremmo imparare da questo. Una domanda per cominciare, dieci secondi:",
        "questions": {
            "why_left": {
                "text": "Qual è stato il motivo principale per lasciarci?",
                "options": {
                    "price": "Il prezzo",
                    "features": "Mancava qualcosa",
                    "support": "L’assistenza",
                    "quality": "La qualità",
                    "competitor": "Un’altra soluzione era più adatta",
                    "not_needed": "Non ci serve più",
                    "other": "Un altro motivo",
                },
            },
            "competitor": {"text": "Che cosa usa al suo posto?"},
            "return": {"text": "Che cosa dovrebbe cambiare perché Lei torni?"},
        },
    },
    "nl": {
        "intro": "Goedendag {{ full_name| }},\n\nu bent gestopt met {subject} en daar willen we van leren. Eén vraag om te beginnen, tien seconden:",
        "questions": {
            "why_left": {
                "text": "Wat was de belangrijkste reden om te vertrekken?",
                "options": {
                    "price": "De prijs",
                    "features": "Er ontbrak iets",
                    "support": "De ondersteuning",
                    "quality": "De kwaliteit",
                    "competitor": "Iets anders paste beter bij ons",
                    "not_needed": "We hebben het niet meer nodig",
                    "other": "Een andere reden",
                },
            },
            "competitor": {"text": "Wat gebruikt u in plaats daarvan?"},
            "return": {"text": "Wat zou er moeten veranderen om u terug te laten komen?"},
        },
    },
    "pt": {
        "intro": "Olá {{ full_name| }},\n\ndeixou {subject} e gostaríamos de aprender com isso. Uma pergunta para começar, dez segundos:",
        "questions": {
            "why_left": {
                "text": "Qual foi o motivo principal para sair?",
                "options": {
                    "price": "O preço",
                    "features": "Faltava alguma coisa",
                    "support": "O apoio ao cliente",
                    "quality": "A qualidade",
                    "competitor": "Outra solução servia melhor",
                    "not_needed": "Já não precisamos",
                    "other": "Outro motivo",
                },
            },
            "competitor": {"text": "O que utiliza em vez disso?"},
            "return": {"text": "O que teria de mudar para voltar?"},
        },
    },
    "sv": {
        "intro": "Hej {{ first_name| }},\n\ndu har lämnat {subject} och vi vill gärna lära oss av det. En fråga till att börja med, tio sekunder:",
        "questions": {
            "why_left": {
                "text": "Vilket var det viktigaste skälet att lämna?",
                "options": {
                    "price": "Priset",
                    "features": "Något saknades",
                    "support": "Supporten",
                    "quality": "Kvaliteten",
                    "competitor": "Något annat passade oss bättre",
                    "not_needed": "Vi behöver det inte längre",
                    "other": "Ett annat skäl",
                },
            },
            "competitor": {"text": "Vad använder du i stället?"},
            "return": {"text": "Vad skulle behöva ändras för att du skulle komma tillbaka?"},
        },
    },
    "pl": {
        "intro": "Dzień dobry {{ full_name| }},\n\nzrezygnowali Państwo z: {subject}. Chcielibyśmy wyciągnąć z tego wnioski. Jedno pytanie na początek, dziesięć sekund:",
        "questions": {
            "why_left": {
                "text": "Jaki był główny powód rezygnacji?",
                "options": {
                    "price": "Cena",
                    "features": "Czegoś brakowało",
                    "support": "Obsługa klienta",
                    "quality": "Jakość",
                    "competitor": "Inne rozwiązanie lepiej nam odpowiada",
                    "not_needed": "Już tego nie potrzebujemy",
                    "other": "Inny powód",
                },
            },
            "competitor": {"text": "Z czego korzystają Państwo zamiast tego?"},
            "return": {"text": "Co musiałoby się zmienić, aby Państwo wrócili?"},
        },
    },
    "tr": {
        "intro": "Merhaba {{ full_name| }},\n\nartık kullanmıyorsunuz: {subject}. Bundan öğrenmek isteriz. Başlangıç olarak tek soru, on saniye:",
        "questions": {
            "why_left": {
                "text": "Ayrılmanızın asıl nedeni neydi?",
                "options": {
                    "price": "Fiyat",
                    "features": "Bir şeyler eksikti",
                    "support": "Destek hizmeti",
                    "quality": "Kalite",
                    "competitor": "Başka bir çözüm bize daha uygundu",
                    "not_needed": "Artık ihtiyacımız yok",
                    "other": "Başka bir neden",
                },
            },
            "competitor": {"text": "Onun yerine ne kullanıyorsunuz?"},
            "return": {"text": "Geri dönmeniz için neyin değişmesi gerekirdi?"},
        },
    },
    "ja": {
        "intro": "{{ full_name|お客様 }}\n\n{subject}のご利用を終了されたとのこと、今後の改善のためにご意見をお聞かせください。最初の質問は1つ、10秒で終わります。",
        "questions": {
            "why_left": {
                "text": "ご利用をやめた主な理由は何ですか？",
                "options": {
                    "price": "価格",
                    "features": "機能の不足",
                    "support": "サポート",
                    "quality": "品質",
                    "competitor": "他の製品の方が合っていた",
                    "not_needed": "必要がなくなった",
                    "other": "その他の理由",
                },
            },
            "competitor": {"text": "代わりに何をお使いですか？"},
            "return": {"text": "何が変われば、再びご利用いただけますか？"},
        },
    },
    "ar": {
        "intro": "مرحبًا {{ full_name| }}،\n\nلقد توقفتم عن استخدام {subject}، ونود أن نتعلم من ذلك. سؤال واحد للبداية وعشر ثوانٍ:",
        "questions": {
            "why_left": {
                "text": "ما السبب الرئيسي لمغادرتكم؟",
                "options": {
                    "price": "السعر",
                    "features": "كان ينقص شيء ما",
                    "support": "الدعم",
                    "quality": "الجودة",
                    "competitor": "وجدنا ما يناسبنا أكثر",
                    "not_needed": "لم نعد بحاجة إليه",
                    "other": "سبب آخر",
                },
            },
            "competitor": {"text": "ماذا تستخدمون بدلًا منه؟"},
            "return": {"text": "ما الذي ينبغي أن يتغير لكي تعودوا؟"},
        },
    },
}
