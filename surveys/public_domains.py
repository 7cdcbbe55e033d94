"""Domains where anybody gets an e-mail address. They say nothing about whom somebody works for.

Kept by hand: big mail providers with their national domains, internet access providers that give mail addresses to
households, forwarding and alias services, and throw-away addresses. A domain that is missing does harm only if an
account bears it, so `is_public` is asked wherever a domain would otherwise identify an account. To add one, put it
into the line of its kind; sub-domains are covered by their parent.
"""

_WORLDWIDE = """
gmail.com googlemail.com outlook.com hotmail.com live.com msn.com passport.com windowslive.com yahoo.com ymail.com
rocketmail.com myyahoo.com icloud.com me.com mac.com aol.com aim.com proton.me protonmail.com protonmail.ch pm.me
fastmail.com fastmail.fm fastmail.net sent.com zoho.com zohomail.com zohomail.eu mail.com email.com usa.com post.com
consultant.com engineer.com europe.com techie.com writeme.com gmx.com gmx.net gmx.de gmx.at gmx.ch gmx.info gmx.biz gmx.org
gmx.eu gmx.us gmx.fr gmx.es gmx.co.uk tutanota.com tutanota.de tutamail.com tuta.io tuta.com keemail.me hey.com hushmail.com
hush.com lavabit.com runbox.com posteo.de posteo.net posteo.org mailbox.org mail.de yandex.com ya.ru inbox.com lycos.com
excite.com juno.com netzero.net rediffmail.com duck.com disroot.org riseup.net startmail.com mailfence.com
countermail.com ctemplar.com skiff.com onmail.com gawab.com linuxmail.org myself.com iname.com
"""
_NATIONAL = """
web.de freenet.de t-online.de online.de arcor.de email.de firemail.de kabelmail.de vodafonemail.de unitybox.de
unitymail.de versanet.de ewetel.net ewe.net alice.de alice-dsl.net onlinehome.de magenta.de o2mail.de o2online.de 1und1.de
epost.de freemail.de netcologne.de osnanet.de nexgo.de genion.de compuserve.de htp-tel.de
aon.at chello.at a1.net inode.at utanet.at liwest.at drei.at kabsi.at tele2.at
bluewin.ch hispeed.ch sunrise.ch swissonline.ch bluemail.ch vtxmail.ch green.ch quickline.ch
orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr numericable.fr bbox.fr club-internet.fr aliceadsl.fr cegetel.net
libertysurf.fr noos.fr voila.fr caramail.com gadz.org
libero.it virgilio.it tiscali.it alice.it tin.it tim.it fastwebnet.it inwind.it iol.it email.it poste.it vodafone.it
aruba.it pec.it blu.it jumpy.it supereva.it teletu.it
terra.es telefonica.net ono.com ya.com jazztel.es movistar.es orange.es euskaltel.net wanadoo.es
sapo.pt iol.pt clix.pt netcabo.pt mail.telepac.pt vodafone.pt meo.pt
btinternet.com btopenworld.com talktalk.net talk21.com sky.com virginmedia.com virgin.net ntlworld.com blueyonder.co.uk
tiscali.co.uk plusnet.com plus.com o2.co.uk orange.net freeserve.co.uk fsnet.co.uk tesco.net mail.co.uk zen.co.uk
eircom.net indigo.ie iol.ie
kpnmail.nl kpnplanet.nl planet.nl ziggo.nl xs4all.nl home.nl hetnet.nl upcmail.nl casema.nl chello.nl quicknet.nl
zonnet.nl online.nl tele2.nl telfort.nl caiway.nl solcon.nl zeelandnet.nl
skynet.be telenet.be proximus.be scarlet.be voo.be belgacom.net
telia.com comhem.se bredband.net spray.se tele2.se bahnhof.se home.se passagen.se glocalnet.net
online.no broadpark.no getmail.no frisurf.no lyse.net tele2.no altibox.no
mail.dk jubii.dk stofanet.dk tdcadsl.dk post.tele.dk webspeed.dk youmail.dk ofir.dk c.dk
kolumbus.fi elisanet.fi saunalahti.fi pp.inet.fi welho.com luukku.com suomi24.fi dnainternet.net
wp.pl o2.pl onet.pl onet.eu op.pl poczta.onet.pl interia.pl interia.eu gazeta.pl tlen.pl vp.pl poczta.fm autograf.pl
neostrada.pl go2.pl int.pl
seznam.cz centrum.cz email.cz atlas.cz volny.cz post.cz quick.cz tiscali.cz
azet.sk centrum.sk zoznam.sk pobox.sk post.sk orangemail.sk
freemail.hu citromail.hu t-online.hu indamail.hu vipmail.hu upcmail.hu
mail.ru bk.ru inbox.ru list.ru internet.ru rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru yandex.ru yandex.ua
yandex.by yandex.kz narod.ru ukr.net i.ua meta.ua bigmir.net tut.by
abv.bg mail.bg dir.bg yahoo.ro mailbox.ro net.hr inet.hr siol.net eunet.rs sbb.rs inbox.lv delfi.ee mail.ee one.lt takas.lt
otenet.gr forthnet.gr hol.gr mynet.com superonline.com ttmail.com hotmail.com.tr
walla.co.il walla.com 012.net.il bezeqint.net netvision.net.il zahav.net.il
qq.com vip.qq.com foxmail.com 163.com 126.com yeah.net vip.163.com sina.com sina.cn sohu.com tom.com 139.com 189.cn
wo.cn aliyun.com 21cn.com 263.net
naver.com hanmail.net daum.net nate.com kakao.com hanmir.com korea.com
docomo.ne.jp ezweb.ne.jp au.com softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp ocn.ne.jp so-net.ne.jp plala.or.jp
yahoo.ne.jp infoseek.jp excite.co.jp dion.ne.jp
rediff.com indiatimes.com sify.com in.com bsnl.in vsnl.net
bigpond.com bigpond.net.au optusnet.com.au iinet.net.au internode.on.net tpg.com.au dodo.com.au westnet.com.au
adam.com.au xtra.co.nz slingshot.co.nz orcon.net.nz vodafone.co.nz clear.net.nz
uol.com.br bol.com.br terra.com.br ig.com.br globo.com globomail.com r7.com oi.com.br zipmail.com.br superig.com.br
ciudad.com.ar fibertel.com.ar arnet.com.ar speedy.com.ar prodigy.net.mx vtr.net une.net.co
mweb.co.za telkomsa.net vodamail.co.za webmail.co.za
comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net optimum.net
frontier.com frontiernet.net windstream.net centurylink.net centurytel.net embarqmail.com q.com roadrunner.com rr.com
twc.com ameritech.net pacbell.net swbell.net snet.net suddenlink.net cableone.net mindspring.com peoplepc.com wowway.com
rcn.com netscape.net netscape.com compuserve.com prodigy.net
rogers.com bell.net sympatico.ca shaw.ca telus.net videotron.ca cogeco.ca eastlink.ca sasktel.net mts.net
"""
_NATIONAL_BRANDS = {
    "yahoo": "ae at be bg ca ch cl cn co co.cr com.ar com.au com.br com.cn com.co com.ec com.hk com.mx com.my com.pe com.ph"
    " com.sg com.tr com.tw com.ve com.vn co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za cz de dk ee es fi fr gr"
    " hr hu ie in it lt lv nl no pl pt ro ru se si sk",
    "hotmail": "at be ca ch cl co.id co.il co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.mx cz de dk es fi"
    " fr gr hu in it my nl no ph rs se sg sk",
    "live": "at be ca ch cl cn co.kr co.uk co.za com.ar com.au com.mx com.my com.ph com.pt com.sg de dk fi fr hk ie in it jp"
    " nl no ru se",
    "outlook": "at be cl co.id co.il co.nz co.th com.ar com.au com.br com.gr com.pe com.tr com.vn cz de dk es fr hu ie in it"
    " jp kr lv my ph pt sa sg sk",
    "aol": "be ca cl co.nz co.uk com.ar com.au com.br com.mx cz de dk es fi fr hk in it jp nl pl se",
    "icloud": "com.cn",
}
_FORWARDING = """
privaterelay.appleid.com mozmail.com relay.firefox.com simplelogin.com simplelogin.co simplelogin.fr slmail.me
aleeas.com anonaddy.com anonaddy.me addy.io passmail.net passinbox.com passmail.com 33mail.com burnermail.io
users.noreply.github.com reply.github.com pobox.com alumni.com acm.org ieee.org
"""
_THROW_AWAY = """
mailinator.com guerrillamail.com guerrillamail.net guerrillamail.org guerrillamail.biz guerrillamail.de sharklasers.com
grr.la 10minutemail.com 10minutemail.net tempmail.com temp-mail.org tempmail.net tempmailo.com throwawaymail.com
yopmail.com yopmail.fr yopmail.net trashmail.com trashmail.de trashmail.net trash-mail.com wegwerfmail.de wegwerfemail.de
getnada.com nada.email dispostable.com maildrop.cc mailnesia.com mintemail.com fakeinbox.com spamgourmet.com
mailcatch.com moakt.com emailondeck.com mohmal.com tempail.com discard.email byom.de spambog.com einrot.com cuvox.de
dayrep.com fleckens.hu gustr.com jourrapide.com rhyta.com superrito.com teleworm.us armyspy.com mytemp.email
inboxkitten.com mailsac.com tmail.io linshiyouxiang.net
"""

DOMAINS = frozenset(
    [
        *_WORLDWIDE.split(),
        *_NATIONAL.split(),
        *_FORWARDING.split(),
        *_THROW_AWAY.split(),
        *(f"{brand}.{ending}" for brand, endings in _NATIONAL_BRANDS.items() for ending in endings.split()),
    ]
)


def is_public(domain: str) -> bool:
    """Whether anybody may have an address there. `domain` is in its normal form (accounts.domain.normalise_email)."""
    labels = domain.split(".")
    return any(".".join(labels[k:]) in DOMAINS for k in range(len(labels) - 1))
